//! The program: arguments in, a node out.

fn main() {}
