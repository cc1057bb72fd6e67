def PBS_BareOp : PBS_Op<"bare"> {
  let description = [{ Has no example. }];
}
