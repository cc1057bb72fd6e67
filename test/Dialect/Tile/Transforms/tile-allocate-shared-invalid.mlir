// RUN: pbs-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(tile.func(tile-allocate-shared))'

// expected-error @+1 {{expected a configuration ('config'), got none}}
tile.func @unconfigured() {
  tile.return
}

// -----

#config = #tile.config<consumers = 2, specialize = true, stages = 8,
  overlap = false, pingPong = false, schedule = single, producerRegisters = 0,
  consumerRegisters = 0>
// expected-error @+1 {{expected at most 232448 bytes of shared memory (sm_90a), got 262272}}
tile.func @too_large() attributes {config = #config} {
  // expected-note @+2 {{'tile.ring_create' takes 262144 bytes}}
  // expected-note @+1 {{'tile.ring_create' takes 128 bytes of barriers and scalars}}
  %ring = tile.ring_create
    : !tile.ring<8, !tile.buffer<128x128xbf16, swizzle = 128>>
  tile.return
}
