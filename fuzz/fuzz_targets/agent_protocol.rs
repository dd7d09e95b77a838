#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| libvirt_hpc_fuzz_targets::agent_protocol::run(data));
