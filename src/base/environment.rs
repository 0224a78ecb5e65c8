//! The process's environment, apart from where the kernel laid it.
#![allow(unsafe_code)] // Setting a variable.

/// Gives all variables new places on the heap: the kernel's, behind the arguments, can be written over then. To be called before
/// there are threads.
pub fn move_to_heap() {
    for (name, value) in std::env::vars_os() {
        // SAFETY: no other thread is there yet, so that nobody reads the environment meanwhile.
        unsafe { std::env::set_var(name, value) };
    }
}
