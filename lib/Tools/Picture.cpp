//===- Picture.cpp - Pictures of block masks ------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Tools/Picture.h"
#include <algorithm>
#include <cctype>
#include <zlib.h>

using namespace pbs::tools;

//===----------------------------------------------------------------------===//
// Letters
//===----------------------------------------------------------------------===//

namespace {
/// Seven lines of five pixels, the left one in bit 4.
struct Glyph {
  char character;
  uint8_t lines[7];
};
} // namespace

static constexpr int kGlyphWidth = 5, kGlyphHeight = 7;
static constexpr Glyph kGlyphs[] = {
    {'A', {0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11}},
    {'B', {0x1E, 0x11, 0x11, 0x1E, 0x11, 0x11, 0x1E}},
    {'C', {0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E}},
    {'D', {0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E}},
    {'E', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F}},
    {'F', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10}},
    {'G', {0x0E, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0E}},
    {'H', {0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11}},
    {'I', {0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E}},
    {'J', {0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0C}},
    {'K', {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11}},
    {'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F}},
    {'M', {0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11}},
    {'N', {0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11}},
    {'O', {0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {'P', {0x1E, 0x11, 0x11, 0x1E, 0x10, 0x10, 0x10}},
    {'Q', {0x0E, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0D}},
    {'R', {0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11}},
    {'S', {0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E}},
    {'T', {0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}},
    {'U', {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {'V', {0x11, 0x11, 0x11, 0x11, 0x11, 0x0A, 0x04}},
    {'W', {0x11, 0x11, 0x11, 0x15, 0x15, 0x1B, 0x11}},
    {'X', {0x11, 0x11, 0x0A, 0x04, 0x0A, 0x11, 0x11}},
    {'Y', {0x11, 0x11, 0x0A, 0x04, 0x04, 0x04, 0x04}},
    {'Z', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F}},
    {'0', {0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E}},
    {'1', {0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E}},
    {'2', {0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F}},
    {'3', {0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E}},
    {'4', {0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02}},
    {'5', {0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E}},
    {'6', {0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E}},
    {'7', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E}},
    {'9', {0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C}},
    {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C}},
    {',', {0x00, 0x00, 0x00, 0x00, 0x0C, 0x04, 0x08}},
    {':', {0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00}},
    {'-', {0x00, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x00}},
    {'_', {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1F}},
    {'/', {0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10}},
    {'%', {0x18, 0x19, 0x02, 0x04, 0x08, 0x13, 0x03}},
};

//===----------------------------------------------------------------------===//
// Canvas
//===----------------------------------------------------------------------===//

Canvas::Canvas(int width, int height, Color background)
    : width(width), height(height),
      pixels(static_cast<size_t>(width) * height, background) {}

void Canvas::fill(int x, int y, int w, int h, Color color) {
  for (int row = std::max(y, 0); row < std::min(y + h, height); ++row)
    for (int column = std::max(x, 0); column < std::min(x + w, width); ++column)
      pixels[static_cast<size_t>(row) * width + column] = color;
}

void Canvas::write(int x, int y, const std::string &text, Color color,
                   int scale, bool upward) {
  int advance = 0;
  for (char c : text) {
    char upper = std::toupper(static_cast<unsigned char>(c));
    for (const Glyph &glyph : kGlyphs) {
      if (glyph.character != upper)
        continue;
      for (int line = 0; line < kGlyphHeight; ++line)
        for (int column = 0; column < kGlyphWidth; ++column) {
          if (!(glyph.lines[line] >> (kGlyphWidth - 1 - column) & 1))
            continue;
          int along = advance + column * scale, down = line * scale;
          if (upward)
            fill(x + down, y - along - scale, scale, scale, color);
          else
            fill(x + along, y + down, scale, scale, color);
        }
    }
    advance += (kGlyphWidth + 1) * scale;
  }
}

int Canvas::getWidth(const std::string &text, int scale) {
  return static_cast<int>(text.size()) * (kGlyphWidth + 1) * scale;
}

static void appendBigEndian(std::string &bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> shift);
}

/// Appends a chunk of a PNG file (PNG specification, section 5.3).
static void appendChunk(std::string &file, const std::string &type,
                        const std::string &data) {
  appendBigEndian(file, data.size());
  std::string body = type + data;
  file += body;
  appendBigEndian(file, crc32(0, reinterpret_cast<const Bytef *>(body.data()),
                              body.size()));
}

std::string Canvas::encode() const {
  std::string raw;
  for (int row = 0; row < height; ++row) {
    // Each line says how it is filtered: not at all.
    raw += '\0';
    for (int column = 0; column < width; ++column) {
      const Color &color = pixels[static_cast<size_t>(row) * width + column];
      raw += static_cast<char>(color.red);
      raw += static_cast<char>(color.green);
      raw += static_cast<char>(color.blue);
    }
  }
  uLongf size = compressBound(raw.size());
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef *>(packed.data()), &size,
            reinterpret_cast<const Bytef *>(raw.data()), raw.size(),
            Z_BEST_COMPRESSION);
  packed.resize(size);

  std::string header;
  appendBigEndian(header, width);
  appendBigEndian(header, height);
  // 8 bits, RGB, deflate, no filter type but the standard ones, no interlace.
  header += std::string("\x08\x02\x00\x00\x00", 5);
  std::string file("\x89PNG\r\n\x1A\n", 8);
  appendChunk(file, "IHDR", header);
  appendChunk(file, "IDAT", packed);
  appendChunk(file, "IEND", "");
  return file;
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

static constexpr Color kBackground = {255, 255, 255}, kText = {30, 30, 30},
                       kFrame = {120, 120, 120}, kInvisible = {226, 226, 226},
                       kSkipped = {250, 247, 240}, kChosen = {38, 96, 164},
                       kForced = {233, 138, 44};
/// Pixels. An axis has ticks, numbers and a name.
static constexpr int kPanelSize = 448, kMargin = 28, kLine = 22, kScale = 2,
                     kTick = 6, kTextHeight = kGlyphHeight * kScale,
                     kLeftAxis = kTick + kLine + 44,
                     kBottomAxis = kTick + 2 * kLine;
/// An axis has at most this many numbers, beside the first.
static constexpr int64_t kMaxTicks = 8;

static Color getColor(Cell cell) {
  switch (cell) {
  case Cell::Invisible:
    return kInvisible;
  case Cell::Skipped:
    return kSkipped;
  case Cell::Chosen:
    return kChosen;
  case Cell::Forced:
    return kForced;
  }
  return kBackground;
}

/// Draws the axes of a panel at (x, y): key blocks below, query blocks at the
/// left.
static void drawAxes(Canvas &canvas, int x, int y, const Mask &mask) {
  auto forEachTick = [](int64_t count, auto draw) {
    int64_t step = 1;
    while (count > kMaxTicks * step)
      step *= 2;
    for (int64_t i = 0; i <= count; i += step)
      draw(static_cast<int>(i * kPanelSize / std::max<int64_t>(count, 1)),
           std::to_string(i));
  };
  // The last column of a letter is blank.
  auto getInk = [](const std::string &text) {
    return Canvas::getWidth(text, kScale) - kScale;
  };
  int bottom = y + kPanelSize + 1;
  forEachTick(mask.columns, [&](int at, const std::string &number) {
    canvas.fill(x + at, bottom, 1, kTick, kFrame);
    canvas.write(x + at - getInk(number) / 2, bottom + kTick + 3, number, kText,
                 kScale);
  });
  std::string name = "key block";
  canvas.write(x + (kPanelSize - getInk(name)) / 2, bottom + kTick + kLine,
               name, kText, kScale);
  forEachTick(mask.rows, [&](int at, const std::string &number) {
    canvas.fill(x - 1 - kTick, y + at, kTick, 1, kFrame);
    canvas.write(x - kTick - 5 - getInk(number), y + at - kTextHeight / 2,
                 number, kText, kScale);
  });
  name = "query block";
  canvas.write(x - kLeftAxis, y + (kPanelSize + getInk(name)) / 2, name, kText,
               kScale, /*upward=*/true);
}

static void drawMask(Canvas &canvas, int x, int y, const Mask &mask) {
  canvas.write(x, y, mask.title, kText, kScale);
  canvas.write(x, y + kLine, mask.caption, kText, kScale);
  y += 2 * kLine;
  drawAxes(canvas, x, y, mask);
  canvas.fill(x - 1, y - 1, kPanelSize + 2, kPanelSize + 2, kFrame);
  canvas.fill(x, y, kPanelSize, kPanelSize, kBackground);
  for (int64_t row = 0; row < mask.rows; ++row) {
    for (int64_t column = 0; column < mask.columns; ++column) {
      int left = column * kPanelSize / mask.columns;
      int top = row * kPanelSize / mask.rows;
      int right = (column + 1) * kPanelSize / mask.columns;
      int bottom = (row + 1) * kPanelSize / mask.rows;
      // A line between the cells where there is room for it.
      int gap = right - left > 3 ? 1 : 0;
      canvas.fill(x + left, y + top, std::max(right - left - gap, 1),
                  std::max(bottom - top - gap, 1),
                  getColor(mask.cells[row * mask.columns + column]));
    }
  }
}

std::string
pbs::tools::drawMasks(const std::string &title,
                      const std::vector<std::pair<Mask, Mask>> &pairs) {
  int pairHeight = kPanelSize + 2 * kLine + kBottomAxis + kMargin;
  int width = 2 * (kLeftAxis + kPanelSize) + 3 * kMargin;
  int top = kMargin + 3 * kLine;
  Canvas canvas(width, top + static_cast<int>(pairs.size()) * pairHeight,
                kBackground);
  canvas.write(kMargin, kMargin / 2, title, kText, kScale);
  int x = kMargin, y = kMargin / 2 + kLine + kLine / 2;
  auto addLegend = [&](Cell cell, const std::string &text) {
    canvas.fill(x - 1, y - 1, 16, 16, kFrame);
    canvas.fill(x, y, 14, 14, getColor(cell));
    canvas.write(x + 22, y, text, kText, kScale);
    x += 22 + Canvas::getWidth(text, kScale) + kMargin;
  };
  addLegend(Cell::Chosen, "chosen");
  addLegend(Cell::Forced, "own segment, sink");
  addLegend(Cell::Skipped, "skipped");
  addLegend(Cell::Invisible, "not visible");
  for (size_t i = 0; i < pairs.size(); ++i) {
    int line = top + static_cast<int>(i) * pairHeight;
    int left = kMargin + kLeftAxis;
    drawMask(canvas, left, line, pairs[i].first);
    drawMask(canvas, left + kPanelSize + kMargin + kLeftAxis, line,
             pairs[i].second);
  }
  return canvas.encode();
}
