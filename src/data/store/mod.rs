//! The stores of the data cores.
