//! Links the guest for a machine without an operating system. A build that unwinds panics is one of
//! the whole workspace for this machine, where the program is a stub.

fn main() {
    println!("cargo:rerun-if-changed=link.ld");
    if std::env::var("CARGO_CFG_PANIC").as_deref() != Ok("abort") {
        return;
    }
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let script = format!("-Wl,-T,{here}/link.ld");
    for argument in [
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        &script,
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
