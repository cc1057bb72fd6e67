//===- TensorFile.cpp - Tensors in files ----------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Tools/TensorFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

using namespace pbs::tools;
using llvm::StringRef;

int64_t HostTensor::getNumElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

/// Bytes of a tensor; false if a size is negative or the product overflows.
static bool countBytes(const HostTensor &tensor, int64_t &bytes) {
  bytes = sizeOf(tensor.dtype);
  for (int64_t size : tensor.shape)
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes))
      return false;
  return true;
}

static std::string formatShape(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

//===----------------------------------------------------------------------===//
// NumPy
//===----------------------------------------------------------------------===//

static constexpr StringRef kNpyMagic("\x93NUMPY", 6);
/// The header ends at a multiple of this.
static constexpr size_t kNpyAlignment = 64;

/// The text behind `'key':` in the header, which is a Python dictionary.
static StringRef findNpyField(StringRef header, const char *key) {
  size_t at = header.find("'" + std::string(key) + "'");
  if (at == StringRef::npos)
    return "";
  StringRef rest = header.substr(at + std::strlen(key) + 2).ltrim();
  return rest.consume_front(":") ? rest.ltrim() : "";
}

std::string pbs::tools::parseNpy(const std::string &content,
                                 HostTensor &tensor) {
  StringRef bytes = content;
  if (!bytes.starts_with(kNpyMagic) || bytes.size() < 12)
    return "expected a .npy file, got other content";
  unsigned version = static_cast<unsigned char>(bytes[6]);
  size_t lengthBytes = version == 1 ? 2 : 4, length = 0;
  for (size_t i = lengthBytes; i-- > 0;)
    length = length << 8 | static_cast<unsigned char>(bytes[8 + i]);
  size_t begin = 8 + lengthBytes;
  if (version < 1 || version > 3 || length > bytes.size() - begin)
    return "expected a .npy header, got a truncated or unknown one";
  StringRef header = bytes.substr(begin, length);

  StringRef type = findNpyField(header, "descr");
  if (!type.consume_front("'"))
    return "expected a plain dtype in the .npy header";
  type = type.take_until([](char c) { return c == '\''; });
  // ml_dtypes writes bf16 as two bytes without a meaning.
  if (type == "<f4")
    tensor.dtype = PBS_F32;
  else if (type == "<f2")
    tensor.dtype = PBS_F16;
  else if (type == "<i4")
    tensor.dtype = PBS_I32;
  else if (type == "<V2" || type == "|V2")
    tensor.dtype = PBS_BF16;
  else
    return "expected dtype <f4, <f2, <i4 or <V2 (bf16), got '" + type.str() +
           "'";
  if (findNpyField(header, "fortran_order").starts_with("True"))
    return "expected a row-major array, got Fortran order";

  StringRef shape = findNpyField(header, "shape");
  if (!shape.consume_front("("))
    return "expected a shape in the .npy header";
  shape = shape.take_until([](char c) { return c == ')'; });
  tensor.shape.clear();
  llvm::SmallVector<StringRef> sizes;
  shape.split(sizes, ',');
  for (StringRef size : sizes) {
    int64_t value;
    if (size.trim().empty())
      continue;
    if (size.trim().getAsInteger(10, value))
      return "expected integers in the shape, got '" + size.trim().str() + "'";
    tensor.shape.push_back(value);
  }
  int64_t expected;
  StringRef data = bytes.substr(begin + length);
  if (!countBytes(tensor, expected) ||
      data.size() != static_cast<uint64_t>(expected))
    return "expected data of shape " + formatShape(tensor.shape) + ", got " +
           std::to_string(data.size()) + " bytes";
  tensor.bytes = data.str();
  return "";
}

static std::string formatNpy(const HostTensor &tensor) {
  const char *type = "<V2";
  if (tensor.dtype == PBS_F32)
    type = "<f4";
  if (tensor.dtype == PBS_F16)
    type = "<f2";
  if (tensor.dtype == PBS_I32)
    type = "<i4";
  std::string header = std::string("{'descr': '") + type +
                       "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.shape)
    header += std::to_string(size) + ",";
  header += "), }";
  size_t total = llvm::alignTo(10 + header.size() + 1, kNpyAlignment);
  header.resize(total - 11, ' ');
  header += '\n';
  std::string content = kNpyMagic.str() + std::string("\x01\x00", 2);
  content += static_cast<char>(header.size() & 0xFF);
  content += static_cast<char>(header.size() >> 8);
  return content + header + tensor.bytes;
}

//===----------------------------------------------------------------------===//
// Safetensors
//===----------------------------------------------------------------------===//

static bool parseSafetensorsDType(StringRef name, pbs_dtype &dtype) {
  return parseDType(name.lower(), dtype);
}

/// Reads one entry of the header; `data` is what follows it.
static std::string parseEntry(const llvm::json::Value &value, StringRef data,
                              HostTensor &tensor) {
  const llvm::json::Object *entry = value.getAsObject();
  const llvm::json::Array *shape = entry ? entry->getArray("shape") : nullptr;
  const llvm::json::Array *offsets =
      entry ? entry->getArray("data_offsets") : nullptr;
  auto type = entry ? entry->getString("dtype") : std::nullopt;
  if (!shape || !type || !offsets || offsets->size() != 2)
    return "expected dtype, shape and two data_offsets";
  if (!parseSafetensorsDType(*type, tensor.dtype))
    return "expected dtype F32, F16, BF16 or I32, got '" + type->str() + "'";
  for (const llvm::json::Value &size : *shape) {
    if (!size.getAsInteger())
      return "expected integers in the shape";
    tensor.shape.push_back(*size.getAsInteger());
  }
  auto begin = (*offsets)[0].getAsInteger(), end = (*offsets)[1].getAsInteger();
  int64_t size = data.size(), bytes;
  if (!begin || !end || *begin < 0 || *end < *begin || *end > size)
    return "expected offsets inside " + std::to_string(size) + " bytes of data";
  if (!countBytes(tensor, bytes) || bytes != *end - *begin)
    return "expected data of shape " + formatShape(tensor.shape) + ", got " +
           std::to_string(*end - *begin) + " bytes";
  tensor.bytes = data.substr(*begin, bytes).str();
  return "";
}

std::string pbs::tools::parseSafetensors(const std::string &content,
                                         std::vector<HostTensor> &tensors) {
  uint64_t length = 0;
  if (content.size() < sizeof(length))
    return "expected a .safetensors file, got " +
           std::to_string(content.size()) + " bytes";
  std::memcpy(&length, content.data(), sizeof(length));
  if (length > content.size() - sizeof(length))
    return "expected a header of at most " +
           std::to_string(content.size() - sizeof(length)) + " bytes, got " +
           std::to_string(length);
  StringRef bytes = content;
  auto header = llvm::json::parse(bytes.substr(sizeof(length), length));
  if (!header)
    return "expected a JSON header: " + llvm::toString(header.takeError());
  const llvm::json::Object *entries = header->getAsObject();
  if (!entries)
    return "expected a JSON object as header";
  for (const auto &[name, value] : *entries) {
    if (name == "__metadata__")
      continue;
    HostTensor tensor;
    tensor.name = name.str();
    if (std::string error =
            parseEntry(value, bytes.substr(sizeof(length) + length), tensor);
        !error.empty())
      return "tensor '" + tensor.name + "': " + error;
    tensors.push_back(std::move(tensor));
  }
  llvm::sort(tensors, [](const HostTensor &a, const HostTensor &b) {
    return a.name < b.name;
  });
  return "";
}

static std::string formatSafetensors(const std::vector<HostTensor> &tensors) {
  llvm::json::Object header;
  std::string data;
  for (const HostTensor &tensor : tensors) {
    int64_t begin = data.size();
    data += tensor.bytes;
    header[tensor.name] = llvm::json::Object{
        {"dtype", StringRef(nameOf(tensor.dtype)).upper()},
        {"shape", llvm::json::Array(tensor.shape)},
        {"data_offsets",
         llvm::json::Array{begin, static_cast<int64_t>(data.size())}}};
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(header));
  text.resize(llvm::alignTo(text.size(), 8), ' ');
  uint64_t length = text.size();
  std::string content(sizeof(length), '\0');
  std::memcpy(content.data(), &length, sizeof(length));
  return content + text + data;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

std::string pbs::tools::readTensors(const std::string &path,
                                    std::vector<HostTensor> &tensors) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return path + ": " + buffer.getError().message();
  std::string content = (*buffer)->getBuffer().str(), error;
  if (StringRef(path).ends_with(".npy")) {
    HostTensor tensor;
    tensor.name = llvm::sys::path::stem(path).str();
    error = parseNpy(content, tensor);
    tensors.push_back(std::move(tensor));
  } else if (StringRef(path).ends_with(".safetensors")) {
    error = parseSafetensors(content, tensors);
  } else {
    error = "expected a .npy or .safetensors file";
  }
  return error.empty() ? "" : path + ": " + error;
}

std::string pbs::tools::writeFile(const std::string &path,
                                  const std::string &content) {
  llvm::SmallString<128> temporary;
  int fd;
  std::error_code code =
      llvm::sys::fs::createUniqueFile(path + ".tmp-%%%%%%", fd, temporary);
  if (!code) {
    llvm::raw_fd_ostream stream(fd, /*shouldClose=*/true);
    stream << content;
    stream.close();
    code = stream.error();
    stream.clear_error();
    if (!code)
      code = llvm::sys::fs::rename(temporary, path);
    if (code)
      llvm::sys::fs::remove(temporary);
  }
  return code ? "cannot write '" + path + "': " + code.message() : "";
}

std::string pbs::tools::writeTensors(const std::string &path,
                                     const std::vector<HostTensor> &tensors) {
  if (StringRef(path).ends_with(".safetensors"))
    return writeFile(path, formatSafetensors(tensors));
  if (!StringRef(path).ends_with(".npy"))
    return path + ": expected a .npy or .safetensors file";
  if (tensors.size() != 1)
    return path + ": expected one tensor for a .npy file, got " +
           std::to_string(tensors.size());
  return writeFile(path, formatNpy(tensors.front()));
}
