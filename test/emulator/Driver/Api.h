//===- Api.h - Functions of the stand-in for the CUDA driver ----*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of cuda.h (CUDA Driver API reference) that libpbs_emu.so has,
// with the same binary interface. Handles are `void *`, enumerations `int`.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_DRIVER_API_H
#define PBS_TEST_EMULATOR_DRIVER_API_H

#include <cstddef>
#include <cstdint>

#define PBS_EMU_API extern "C" __attribute__((visibility("default")))

// Device, context, modules.
PBS_EMU_API int cuInit(unsigned flags);
PBS_EMU_API int cuDriverGetVersion(int *version);
PBS_EMU_API int cuDeviceGetCount(int *count);
PBS_EMU_API int cuDeviceGet(int *device, int ordinal);
PBS_EMU_API int cuDeviceGetName(char *name, int length, int device);
PBS_EMU_API int cuDeviceTotalMem_v2(size_t *bytes, int device);
PBS_EMU_API int cuDeviceGetAttribute(int *value, int attribute, int device);
PBS_EMU_API int cuDevicePrimaryCtxRetain(void **context, int device);
PBS_EMU_API int cuDevicePrimaryCtxRelease_v2(int device);
PBS_EMU_API int cuDevicePrimaryCtxReset_v2(int device);
PBS_EMU_API int cuCtxGetCurrent(void **context);
PBS_EMU_API int cuCtxSetCurrent(void *context);
PBS_EMU_API int cuCtxPushCurrent_v2(void *context);
PBS_EMU_API int cuCtxPopCurrent_v2(void **context);
PBS_EMU_API int cuCtxGetDevice(int *device);
PBS_EMU_API int cuCtxSynchronize();
PBS_EMU_API int cuModuleLoadData(void **handle, const void *image);
PBS_EMU_API int cuModuleUnload(void *handle);
PBS_EMU_API int cuModuleGetFunction(void **handle, void *module,
                                    const char *name);

// Memory.
PBS_EMU_API int cuMemAlloc_v2(uint64_t *address, size_t bytes);
PBS_EMU_API int cuMemFree_v2(uint64_t address);
PBS_EMU_API int cuMemGetInfo_v2(size_t *free, size_t *total);
PBS_EMU_API int cuMemsetD8Async(uint64_t address, unsigned char value,
                                size_t count, void *stream);
PBS_EMU_API int cuMemsetD32Async(uint64_t address, unsigned value, size_t count,
                                 void *stream);
PBS_EMU_API int cuMemsetD8_v2(uint64_t address, unsigned char value,
                              size_t count);
PBS_EMU_API int cuMemsetD32_v2(uint64_t address, unsigned value, size_t count);
PBS_EMU_API int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size,
                                     void *stream);
PBS_EMU_API int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size,
                                     void *streamHandle);
PBS_EMU_API int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t size,
                                     void *stream);
PBS_EMU_API int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size);
PBS_EMU_API int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size);
PBS_EMU_API int cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t size);

// Kernels.
PBS_EMU_API int cuFuncSetAttribute(void *handle, int attribute, int value);
PBS_EMU_API int cuFuncGetAttribute(int *value, int attribute, void *handle);
PBS_EMU_API int cuLaunchKernel(void *handle, unsigned gridX, unsigned gridY,
                               unsigned gridZ, unsigned blockX, unsigned blockY,
                               unsigned blockZ, unsigned sharedBytes,
                               void *streamHandle, void **params, void **extra);
/// CUlaunchAttribute and CUlaunchConfig of cuda.h.
struct LaunchAttribute {
  int id;
  int padding;
  alignas(8) int value[16];
};
struct LaunchConfig {
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  void *stream;
  const LaunchAttribute *attributes;
  unsigned numAttributes;
};
/// Of the attributes, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION.
PBS_EMU_API int cuLaunchKernelEx(const LaunchConfig *config, void *handle,
                                 void **params, void **extra);

// Tensor maps.
PBS_EMU_API int
cuTensorMapEncodeTiled(void *result, int dataType, uint32_t rank,
                       void *globalAddress, const uint64_t *globalDim,
                       const uint64_t *globalStrides, const uint32_t *boxDim,
                       const uint32_t *elementStrides, int interleave,
                       int swizzle, int l2Promotion, int oobFill);

// Streams, events, graphs.
PBS_EMU_API int cuStreamCreate(void **handle, unsigned flags);
PBS_EMU_API int cuStreamDestroy_v2(void *handle);
PBS_EMU_API int cuStreamSynchronize(void *handle);
PBS_EMU_API int cuStreamQuery(void *handle);
PBS_EMU_API int cuEventCreate(void **handle, unsigned flags);
PBS_EMU_API int cuEventDestroy_v2(void *handle);
PBS_EMU_API int cuEventRecord(void *handle, void *streamHandle);
PBS_EMU_API int cuStreamWaitEvent(void *streamHandle, void *handle,
                                  unsigned flags);
PBS_EMU_API int cuEventSynchronize(void *handle);
PBS_EMU_API int cuEventQuery(void *handle);
PBS_EMU_API int cuEventElapsedTime(float *milliseconds, void *start, void *end);
PBS_EMU_API int cuStreamBeginCapture_v2(void *handle, int mode);
PBS_EMU_API int cuStreamEndCapture(void *handle, void **graph);
PBS_EMU_API int cuStreamIsCapturing(void *handle, int *status);
PBS_EMU_API int cuGraphInstantiateWithFlags(void **exec, void *graph,
                                            unsigned long long flags);
PBS_EMU_API int cuGraphLaunch(void *exec, void *handle);
PBS_EMU_API int cuGraphDestroy(void *graph);
PBS_EMU_API int cuGraphExecDestroy(void *exec);

// Errors.
PBS_EMU_API int cuGetErrorName(int result, const char **name);
PBS_EMU_API int cuGetErrorString(int result, const char **text);

#endif // PBS_TEST_EMULATOR_DRIVER_API_H
