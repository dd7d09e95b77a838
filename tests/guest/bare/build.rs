//! Links the guest for a machine without an operating system. A build that unwinds panics is one of
//! the whole workspace for this machine, where the program is a stub.

use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo:rerun-if-changed=link.ld");
    if env::var("CARGO_CFG_PANIC").as_deref() != Ok("abort") {
        return Ok(());
    }
    // Where the program is built: that folder is kept from one checkout to the next, which may be another.
    let script = Path::new(&env::var("OUT_DIR")?).join("link.ld");
    fs::copy("link.ld", &script)?;
    let script = format!("-Wl,-T,{}", script.display());
    for argument in [
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        &script,
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    Ok(())
}
