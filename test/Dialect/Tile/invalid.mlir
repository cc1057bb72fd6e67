// RUN: pbs-opt %s -split-input-file -verify-diagnostics

tile.func @load_other_type(%k: !tile.global<?x128xbf16>, %o: !tile.global<?x64xbf16>) {
  %z = arith.constant 0 : i32
  %yes = arith.constant true
  // expected-error @+1 {{expected another source of the type '!tile.global<?x128xbf16>', got '!tile.global<?x64xbf16>'}}
  %t = tile.load %k[%z, %z] or (%o if %yes : !tile.global<?x64xbf16>)
    : !tile.global<?x128xbf16> -> !tile.buffer<128x128xbf16, swizzle = 128>
  tile.return
}

// -----

tile.func @push_other_alone(%o: !tile.global<?x64xbf16>) {
  %ring = tile.ring_create : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
  %z = arith.constant 0 : i32
  %yes = arith.constant true
  // expected-error @+1 {{expected no other source without a source}}
  tile.ring_push %ring step %z or (%o if %yes : !tile.global<?x64xbf16>)
    : !tile.ring<2, !tile.buffer<64x64xbf16, swizzle = 128>>
  tile.return
}

// -----

tile.func @columns_of_other_rows() {
  %last = tile.iota : tensor<64xi32, #tile.row>
  // expected-error @+1 {{expected i32 of the layout #tile.row to i1 of #tile.acc with as many rows, got 'tensor<64xi32, #tile.row>' to 'tensor<128x64xi1, #tile.acc>'}}
  %hidden = tile.columns_behind %last : tensor<64xi32, #tile.row>
    -> tensor<128x64xi1, #tile.acc>
  tile.return
}

// -----

tile.func @columns_by_columns() {
  %last = tile.iota : tensor<64xi32, #tile.col>
  // expected-error @+1 {{expected i32 of the layout #tile.row to i1 of #tile.acc with as many rows}}
  %hidden = tile.columns_behind %last : tensor<64xi32, #tile.col>
    -> tensor<64x64xi1, #tile.acc>
  tile.return
}

// -----

tile.func @too_many_columns() {
  %last = tile.iota : tensor<64xi32, #tile.row>
  // expected-error @+1 {{expected at most 2048 columns, got 4096}}
  %hidden = tile.columns_behind %last : tensor<64xi32, #tile.row>
    -> tensor<64x4096xi1, #tile.acc>
  tile.return
}

// -----

tile.func @scaled_halves() {
  %x = arith.constant dense<1.0> : tensor<64x64xbf16, #tile.acc>
  %f = arith.constant dense<1.0> : tensor<64xf32, #tile.row>
  %c = arith.constant dense<true> : tensor<64xi1, #tile.row>
  // expected-error @+1 {{expected a tile of f32 of the layout #tile.acc, got 'tensor<64x64xbf16, #tile.acc>'}}
  %y = tile.scale_rows %x by %f if %c : tensor<64x64xbf16, #tile.acc>,
    tensor<64xf32, #tile.row>, tensor<64xi1, #tile.row>
  tile.return
}

// -----

tile.func @scaled_by_other_rows() {
  %x = arith.constant dense<1.0> : tensor<64x64xf32, #tile.acc>
  %f = arith.constant dense<1.0> : tensor<128xf32, #tile.row>
  %c = arith.constant dense<true> : tensor<64xi1, #tile.row>
  // expected-error @+1 {{expected a factor 'tensor<64xf32, #tile.row>' and a condition of i1 like it, got 'tensor<128xf32, #tile.row>' and 'tensor<64xi1, #tile.row>'}}
  %y = tile.scale_rows %x by %f if %c : tensor<64x64xf32, #tile.acc>,
    tensor<128xf32, #tile.row>, tensor<64xi1, #tile.row>
  tile.return
}

// -----

tile.func @order_of_nothing(%q: !tile.global<?xi32>) {
  %b = tile.dim %q, 0 : !tile.global<?xi32>
  // expected-error@+1 {{'tile.for_each' op expected the tensor of an order, got none}}
  "tile.for_each"(%b, %b, %b, %b) <{ordered}> ({
  ^bb0(%i: i32, %j: i32, %k: i32):
    "tile.yield"() : () -> ()
  }) : (i32, i32, i32, i32) -> ()
  tile.return
}
