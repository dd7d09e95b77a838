//! The guest's image: built by `rig build`, entered by the firmware. Elsewhere a stub.

#![cfg_attr(panic = "abort", no_std, no_main)]

#[cfg(panic = "abort")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    libvirt_hpc_guest_bare::guest::say(format_args!("Error: {info}"));
    libvirt_hpc_guest_bare::machine::reset()
}

#[cfg(not(panic = "abort"))]
fn main() {
    eprintln!("a guest for a machine without an operating system: 'rig build' makes it");
}
