//===- Picture.h - Pictures of block masks ----------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TOOLS_PICTURE_H
#define PBS_TOOLS_PICTURE_H

#include <cstdint>
#include <string>
#include <vector>

namespace pbs::tools {

struct Color {
  uint8_t red, green, blue;
};

/// An image in memory.
class Canvas {
public:
  Canvas(int width, int height, Color background);

  /// Fills a rectangle; what lies outside is cut off.
  void fill(int x, int y, int width, int height, Color color);
  /// Writes capitals, digits and some punctuation; other characters are blank.
  /// (x, y) is the upper left corner of the text, or the lower left one if it
  /// runs upward.
  void write(int x, int y, const std::string &text, Color color, int scale,
             bool upward = false);
  /// Width of `text` in pixels.
  static int getWidth(const std::string &text, int scale);

  /// The bytes of a PNG file (8 bits per channel, RGB).
  std::string encode() const;

private:
  int width, height;
  std::vector<Color> pixels;
};

/// What a cell of a block mask shows.
enum class Cell : uint8_t { Invisible, Skipped, Chosen, Forced };

/// The block mask of one head.
struct Mask {
  std::string title;
  /// Density and covered mass.
  std::string caption;
  int64_t rows = 0, columns = 0;
  /// Row-major, one for each pair of blocks.
  std::vector<Cell> cells;
};

/// Draws pairs of masks side by side, a pair in each line, as the PBS-Attn
/// paper's figure of masks before and after permutation. Returns a PNG file.
std::string drawMasks(const std::string &title,
                      const std::vector<std::pair<Mask, Mask>> &pairs);

} // namespace pbs::tools

#endif // PBS_TOOLS_PICTURE_H
