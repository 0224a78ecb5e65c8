//! Commands: what each is and what it does.
