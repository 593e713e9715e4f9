//! Execution environments: processes of the function, the Runtime API that serves them, and their logs.

pub(crate) mod code;
pub(crate) mod environment;
pub(crate) mod execution_environment;
pub(crate) mod failure;
pub(crate) mod invocation;
pub(crate) mod invoke;
pub(crate) mod log_forwarder;
pub(crate) mod orphan_processes;
pub(crate) mod platform_log;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod process_tree;
pub(crate) mod procfs;
pub(crate) mod runtime_api;
pub(crate) mod spawn;
pub(crate) mod unzip;
