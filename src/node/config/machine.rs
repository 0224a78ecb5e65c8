//! Defaults that follow from the machine's shape.

use crate::base::limits::MAX_CORES;

/// How many data cores suit a machine of `cpus` CPUs: all but one, which is left to the bus core and
/// the kernel; on one or two CPUs one.
pub fn data_cores(cpus: usize) -> usize {
    cpus.saturating_sub(1).clamp(1, MAX_CORES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cpu_is_left_where_there_is_one_to_leave() {
        let cores = [0, 1, 2, 3, 4, 64, 1000].map(data_cores);
        assert_eq!(cores, [1, 1, 1, 2, 3, 63, MAX_CORES]);
    }
}
