//! Making a ring, and saying in plain words why there is none.

use io_uring::{IoUring, opcode};
use std::io;

/// Sizes of a ring.
#[derive(Clone, Copy, Debug)]
pub struct RingOptions {
    /// Submission entries; more in one turn cost another system call.
    pub entries: u32,
    /// Sockets the file table has room for.
    pub sockets: u32,
    /// Receive buffers, a power of two.
    pub buffers: u16,
    /// Bytes of a receive buffer.
    pub buffer_size: usize,
}

impl Default for RingOptions {
    fn default() -> Self {
        RingOptions { entries: 1024, sockets: 10_240, buffers: 256, buffer_size: 16 * 1024 }
    }
}

/// Why a ring can't be had. The text names the cure.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The system call is refused.
    #[error(
        "io_uring is not permitted here ({0}): a container's seccomp profile or the sysctl \
         kernel.io_uring_disabled forbids it. Cure: run the container with a profile that allows \
         io_uring_setup, io_uring_enter and io_uring_register (docker: --security-opt seccomp=unconfined), \
         or set kernel.io_uring_disabled=0"
    )]
    Forbidden(io::Error),
    /// The system call is unknown.
    #[error(
        "there is no io_uring here: the kernel has none, or a container's seccomp profile hides it. Cure: Linux 6.1 or newer, and a profile that allows io_uring_setup, io_uring_enter and io_uring_register"
    )]
    Absent,
    /// The kernel lacks something in it that is needed.
    #[error("this kernel's io_uring lacks {0}. Cure: Linux 6.1 or newer")]
    TooOld(&'static str),
    /// Not enough locked memory or descriptors.
    #[error(
        "io_uring can't get {0} ({1}). Cure: raise the limit (ulimit -l / LimitMEMLOCK, ulimit -n / LimitNOFILE), see tuning/"
    )]
    Limit(&'static str, io::Error),
    /// No memory for the buffers.
    #[error("no memory for the receive buffers: {0}")]
    Memory(io::Error),
    /// The buffer ring is refused.
    #[error("io_uring refuses the receive buffers ({0}). Cure: Linux 6.1 or newer, or a higher ulimit -l")]
    BufferRing(io::Error),
    /// Anything else.
    #[error("io_uring_setup failed: {0}")]
    Other(io::Error),
}

/// A ring, and whether it can make descriptors of its sockets.
pub(super) fn build(options: &RingOptions) -> Result<(IoUring, bool), Unavailable> {
    let uring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        .setup_clamp()
        .setup_cqsize(options.entries * 4)
        .build(options.entries)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Unavailable::Forbidden(error),
            Some(libc::ENOSYS) => Unavailable::Absent,
            Some(libc::EINVAL) => Unavailable::TooOld("SINGLE_ISSUER and DEFER_TASKRUN (Linux 6.1)"),
            Some(libc::ENOMEM) => Unavailable::Limit("locked memory", error),
            _ => Unavailable::Other(error),
        })?;
    let mut probe = io_uring::Probe::new();
    uring.submitter().register_probe(&mut probe).map_err(Unavailable::Other)?;
    if !probe.is_supported(opcode::MsgRingData::CODE) {
        return Err(Unavailable::TooOld("messages between rings (MSG_RING)"));
    }
    if !uring.params().is_feature_skip_cqe_on_success() || !uring.params().is_feature_ext_arg() {
        return Err(Unavailable::TooOld("CQE_SKIP and EXT_ARG"));
    }
    uring
        .submitter()
        .register_files_sparse(options.sockets)
        .map_err(|error| Unavailable::Limit("a file table for its sockets", error))?;
    Ok((uring, probe.is_supported(opcode::FixedFdInstall::CODE)))
}
