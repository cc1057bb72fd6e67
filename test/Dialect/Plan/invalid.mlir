// RUN: pbs-opt %s -split-input-file -verify-diagnostics

// One function for each rule.

// expected-error @below {{expected tensors of rank 1 to 8 without encoding, got 'tensor<f32>'}}
plan.kernel @rank(%a: tensor<f32>) -> tensor<1x2x?x64xf32> {
  %r = pbs.pool %a : (tensor<f32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}

// -----

// expected-error @below {{expected one op that becomes a kernel, got none}}
plan.kernel @no_compute_op(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  plan.return %a : tensor<1x2x?x64xf32>
}

// -----

// Code that is yet to be written may read it.
plan.kernel @unread(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  // expected-error @below {{expected only in a kernel with code}}
  %b = ub.poison : tensor<1x2x?x64xf32>
  %r = pbs.pool %b : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}

// -----

plan.kernel @pool(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %r = pbs.pool %a : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}
plan.program @kernel_exists(%a: tensor<1x2x?x64xf32> {plan.name = "a"})
    -> (tensor<1x2x?x64xf32> {plan.name = "r"}) {
  // expected-error @below {{expected a plan.kernel named @other, got none}}
  %r = plan.launch @other(%a) shapes [()[s0] -> (1, 2, s0, 64)]
    : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}

// -----

plan.kernel @pool(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %r = pbs.pool %a : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}
plan.program @shape_rank(%a: tensor<1x2x?x64xf32> {plan.name = "a"})
    -> (tensor<1x2x?x64xf32> {plan.name = "r"}) {
  // expected-error @below {{expected shape 0 of rank 4, got affine_map<()[s0] -> (1, s0)>}}
  %r = plan.launch @pool(%a) shapes [()[s0] -> (1, s0)]
    : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}

// -----

plan.kernel @pool(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %r = pbs.pool %a : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}
plan.program @static_size(%a: tensor<1x2x?x64xf32> {plan.name = "a"})
    -> (tensor<1x2x?x64xf32> {plan.name = "r"}) {
  // expected-error @below {{expected dimension 1 of shape 0 to be 2}}
  %r = plan.launch @pool(%a) shapes [()[s0] -> (1, 3, s0, 64)]
    : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}

// -----

// expected-error @below {{expected argument 0 to have a name 'plan.name', got none}}
plan.program @name(%a: tensor<1x2x?x64xf32>) {
  plan.return
}

// -----

// expected-error @below {{expected different names, got 'a' twice}}
plan.program @names_differ(%a: tensor<?xf32> {plan.name = "a"},
                           %b: tensor<?xf32> {plan.name = "a"}) {
  plan.return
}

// -----

// expected-error @below {{expected result 0 to be computed by a launch, got an argument}}
plan.program @returned_argument(%a: tensor<?xf32> {plan.name = "a"})
    -> (tensor<?xf32> {plan.name = "r"}) {
  plan.return %a : tensor<?xf32>
}

// -----

// expected-error @below {{expected constraints over 1 symbols}}
plan.program @constraint_symbols(%a: tensor<?xf32> {plan.name = "a"})
    attributes {constraints = [
      #plan.constraint<equal, ()[s0, s1] -> (s0, s1), "equal sizes">]} {
  plan.return
}

// -----

// expected-error @below {{expected sizes over 8 symbols}}
plan.kernel @grid_symbols(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
    attributes {code = #plan.cpu_code<@cpu::@pool, grid = ()[s0] -> (s0)>} {
  %r = pbs.pool %a : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}

// -----

plan.program @main(%a: tensor<?xf32> {plan.name = "a"}) {
  plan.return
}
// expected-error @below {{expected 'alternative_of' and 'guard' together, got one of them}}
plan.program @without_guard(%a: tensor<?xf32> {plan.name = "a"})
    attributes {alternative_of = @main} {
  plan.return
}

// -----

plan.program @main(%a: tensor<?xf32> {plan.name = "a"}) {
  plan.return
}
// expected-error @below {{expected a guard over 1 symbols, got affine_set<()[s0, s1] : (s1 >= 0)>}}
plan.program @guard_symbols(%a: tensor<?xf32> {plan.name = "a"})
    attributes {alternative_of = @main, guard = affine_set<()[s0, s1] : (s1 >= 0)>} {
  plan.return
}

// -----

// expected-error @below {{expected a plan.program named @main, got none}}
plan.program @of_nothing(%a: tensor<?xf32> {plan.name = "a"})
    attributes {alternative_of = @main, guard = affine_set<()[s0] : (s0 >= 0)>} {
  plan.return
}

// -----

// expected-error @below {{expected @itself not to be an alternative itself}}
plan.program @itself(%a: tensor<?xf32> {plan.name = "a"})
    attributes {alternative_of = @itself, guard = affine_set<()[s0] : (s0 >= 0)>} {
  plan.return
}

// -----

plan.program @main(%a: tensor<?xi32> {plan.name = "a"}) {
  plan.return
}
// expected-error @below {{expected argument 0 of type 'tensor<?xi32>', got 'tensor<?xf32>'}}
plan.program @other_type(%a: tensor<?xf32> {plan.name = "a"})
    attributes {alternative_of = @main, guard = affine_set<()[s0] : (s0 >= 0)>} {
  plan.return
}

// -----

plan.program @main(%a: tensor<?xf32> {plan.name = "a"}) {
  plan.return
}
// expected-error @below {{expected argument 0 to be called 'a', got 'b'}}
plan.program @other_name(%b: tensor<?xf32> {plan.name = "b"})
    attributes {alternative_of = @main, guard = affine_set<()[s0] : (s0 >= 0)>} {
  plan.return
}

// -----

// expected-error@+2 {{expected an alignment of a power of two of bytes, at most 256, got 24}}
module attributes {
    a = #plan.pointer<0, align = 24>} {
}

// -----

// expected-error@+2 {{expected #plan.scratch or #plan.status, got #plan.trace}}
module attributes {
    a = #plan.cpu_code<@cpu::@f, grid = ()[s0] -> (s0), scratch = [#plan.trace]>} {
}

// -----

// What follows a kernel is of the same module and has no scratch of its own.
// expected-error @below {{expected 'then' to be a #plan.cuda_code of the same module without scratch, got 3 : i64}}
#then = #plan.cuda_code<@gpu::@f, grid = [()[s0] -> (1), ()[s0] -> (1), ()[s0] -> (1)], block = [32, 1, 1], shared = 0, params = [] then 3>

// -----

// expected-error @below {{expected code named @gpu::@nobody, got none}}
plan.kernel @follows_nobody(%a: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> attributes {code =
    #plan.cuda_code<@gpu::@f, grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1), ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1), ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1)], block = [32, 1, 1], shared = 0, params = []
    then #plan.cuda_code<@gpu::@nobody, grid = [()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1), ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1), ()[s0, s1, s2, s3, s4, s5, s6, s7, s8] -> (1)], block = [32, 1, 1], shared = 0, params = []>>} {
  %r = pbs.pool %a : (tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  plan.return %r : tensor<1x2x?x64xf32>
}
gpu.module @gpu {
  llvm.func @f() {
    llvm.return
  }
}
