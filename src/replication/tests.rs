//! The two sides against each other, without a socket.
