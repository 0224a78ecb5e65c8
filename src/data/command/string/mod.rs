//! String commands, by family.
