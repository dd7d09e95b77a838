//! The machine: everything that safe Rust cannot do. Its other half is `entry.s`.
#![expect(
    unsafe_code,
    reason = "there is no operating system below: registers, ports and physical memory are ours"
)]

use crate::guest;
use crate::line::Line;
use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, global_asm};
use core::fmt::Write;
use core::ptr::NonNull;
use core::time::Duration;
use spin::{Mutex, RwLock};

global_asm!(include_str!("entry.s"), options(att_syntax));

/// Processors that the guest can use; `entry.s` has the same.
pub const CPUS: usize = 4;
/// The console's serial port.
pub const CONSOLE: u16 = 0x3f8;
/// The heartbeat's serial port.
pub const BEAT: u16 = 0x2f8;
/// Ticks of the local APIC's timer in a second: KVM and QEMU count its bus at 1 GHz.
pub const APIC_HZ: u64 = 1_000_000_000;

/// Calls of kernel mode, as in `entry.s`.
const TRANSFER: u64 = 0x4850_4301;
const SLEEP: u64 = 0x4850_4302;
const RESET: u64 = 0x4850_4303;

/// Registers of the local APIC.
const APIC_COMMAND: usize = 0xfee0_0300;
const APIC_COMMAND_TARGET: usize = 0xfee0_0310;
const APIC_COUNT: usize = 0xfee0_0380;
const APIC_LEFT: usize = 0xfee0_0390;
/// Commands to another processor.
const INIT: u32 = 0x4500;
const STARTUP: u32 = 0x4600;
/// Where another processor starts; the address of its page is its startup vector.
const TRAMPOLINE: usize = 0x8000;

const PAGE: usize = 4096;
/// End of the memory that `entry.s` maps.
const MAPPED_END: u64 = 16 << 30;

unsafe extern "C" {
    static boot_info: *const BootInfo;
    static image_end: u8;
    static trampoline: u8;
    static trampoline_end: u8;
}

/// Data of the firmware (PVH's `hvm_start_info`).
#[repr(C)]
struct BootInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: *const i8,
    rsdp: u64,
    regions: *const Region,
    region_count: u32,
}

/// A piece of the memory map.
#[derive(Clone, Copy)]
#[repr(C)]
struct Region {
    begin: u64,
    bytes: u64,
    kind: u32,
    reserved: u32,
}

/// Memory that is free for use.
const USABLE: u32 = 1;

/// The command line; empty if it is not text.
#[must_use]
pub fn command_line() -> &'static str {
    // SAFETY: the firmware left both where `entry.s` found them, in memory that is not on the heap.
    let text = unsafe { core::ffi::CStr::from_ptr((*boot_info).command_line) };
    text.to_str().unwrap_or("")
}

/// Gives the largest piece of free memory to the heap.
fn find_memory(heap: &Heap) {
    // SAFETY: as above; there are `region_count` regions.
    let regions = unsafe {
        let info = &*boot_info;
        core::slice::from_raw_parts(info.regions, info.region_count as usize)
    };
    let image = (&raw const image_end).addr() as u64;
    let free = regions.iter().filter(|region| region.kind == USABLE);
    let free = free.map(|r| (r.begin.max(image), (r.begin + r.bytes).min(MAPPED_END)));
    if let Some((begin, end)) = free.max_by_key(|(begin, end)| end.saturating_sub(*begin)) {
        let address = |n| usize::try_from(n).unwrap_or(0);
        let begin = address(begin).next_multiple_of(PAGE);
        let bytes = address(end).saturating_sub(begin);
        let begin = core::ptr::with_exposed_provenance_mut(begin);
        // SAFETY: nobody else has it: it is free, behind the image, mapped, and given once.
        unsafe { heap.0.lock().init(begin, bytes) }
    }
}

/// The heap, for all processors. The heartbeat does not allocate: it would interrupt itself.
struct Heap(Mutex<linked_list_allocator::Heap>);

// SAFETY: what the allocator inside promises, one processor at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let answer = self.0.lock().allocate_first_fit(layout);
        answer.map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if let Some(memory) = NonNull::new(memory) {
            // SAFETY: the caller's promise: it is of `alloc`, with this layout.
            unsafe { self.0.lock().deallocate(memory, layout) }
        }
    }
}

/// Bytes of the heap that are free.
#[must_use]
pub fn free_bytes() -> usize {
    HEAP.0.lock().free()
}

/// A function that lives no longer than its call, lent to other processors for a while.
#[derive(Default)]
pub struct Job(RwLock<Option<&'static (dyn Fn(usize) + Sync)>>);

impl Job {
    /// Lends `body` to whoever calls [`Job::run`] while `during` runs.
    pub fn lend(&self, body: &(dyn Fn(usize) + Sync), during: impl FnOnce()) {
        // SAFETY: it is only called under the lock, and gone from there before this returns.
        let body: &'static (dyn Fn(usize) + Sync) = unsafe { core::mem::transmute(body) };
        *self.0.write() = Some(body);
        during();
        *self.0.write() = None;
    }

    /// Calls the lent function, if there is one.
    pub fn run(&self, part: usize) {
        if let Some(body) = *self.0.read() {
            body(part);
        }
    }
}

/// Sends `bytes` to a serial port, and takes a byte from it if it has one; then has this processor
/// interrupted once, `ring_in` from now, to go through `timer_rings`. Costs an exit for each byte.
pub fn transfer(port: u16, bytes: &[u8], ring_in: Option<Duration>) -> Option<u8> {
    let answer: u64;
    // SAFETY: kernel mode reads the bytes and changes these registers, no memory.
    unsafe {
        asm!("ud2", inout("rax") TRANSFER => answer, inout("rsi") bytes.as_ptr() => _,
            inout("rcx") bytes.len() => _, inout("rdx") u64::from(port) => _,
            in("rdi") u64::from(ring_in.map_or(0, ticks)), options(nostack));
    }
    let [byte, there, ..] = answer.to_le_bytes();
    (there == 1).then_some(byte)
}

/// Leaves the processor idle for about `time`, at most 4 s, and has it interrupted `ring_in` after
/// that, as [`transfer`] does.
pub fn sleep(time: Duration, ring_in: Option<Duration>) {
    // SAFETY: kernel mode halts the processor until its timer's interrupt, and changes rax.
    unsafe {
        asm!("ud2", inout("rax") SLEEP => _, in("rdi") u64::from(ticks(time)),
            in("rsi") u64::from(ring_in.map_or(0, ticks)), options(nostack));
    }
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_nanos()).unwrap_or(u32::MAX).max(1)
}

/// Where a processor goes when its timer interrupts it in user mode, before it goes on. Called by
/// `entry.s`, which keeps all registers.
#[unsafe(no_mangle)]
extern "C" fn timer_rings() {
    guest::beat();
}

/// Ends the guest.
pub fn reset() -> ! {
    loop {
        // SAFETY: kernel mode does not come back.
        unsafe { asm!("ud2", in("rax") RESET, options(nostack)) }
    }
}

/// The time-stamp counter.
#[must_use]
pub fn cycles() -> u64 {
    // SAFETY: every x86-64 processor has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Starts the timer of the local APIC at its highest count.
pub fn start_timer() {
    apic_write(APIC_COUNT, u32::MAX);
}

/// Ticks of the timer since [`start_timer`].
#[must_use]
pub fn timer_ticks() -> u32 {
    // SAFETY: a register of the local APIC, which is mapped.
    u32::MAX - unsafe { core::ptr::with_exposed_provenance::<u32>(APIC_LEFT).read_volatile() }
}

fn apic_write(register: usize, value: u32) {
    // SAFETY: a register of the local APIC, which is mapped.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) }
}

/// Starts another processor, which comes to `enter` with its number; `wait` lets time pass.
pub fn start_processor(number: u8, wait: fn(Duration)) {
    let from = &raw const trampoline;
    let to = core::ptr::with_exposed_provenance_mut::<u8>(TRAMPOLINE);
    let bytes = (&raw const trampoline_end).addr() - from.addr();
    // SAFETY: the page below 1 MiB is mapped and nobody's.
    unsafe { from.copy_to_nonoverlapping(to, bytes) };
    let page = u32::try_from(TRAMPOLINE >> 12).unwrap_or(0);
    for (command, ms) in [(INIT, 10), (STARTUP | page, 1)] {
        apic_write(APIC_COMMAND_TARGET, u32::from(number) << 24);
        apic_write(APIC_COMMAND, command);
        wait(Duration::from_millis(ms));
    }
}

#[cfg_attr(panic = "abort", global_allocator)]
static HEAP: Heap = Heap(Mutex::new(linked_list_allocator::Heap::empty()));

/// Where `entry.s` goes when a processor is in user mode: its first instruction there.
#[unsafe(no_mangle)]
extern "C" fn enter(number: u32) -> ! {
    if number == 0 {
        find_memory(&HEAP);
    }
    if let Err(error) = guest::run(number as usize) {
        guest::say(format_args!("Error: {error}"));
    }
    reset()
}

/// The processor's exception frame, with the vector that `entry.s` adds.
#[derive(Debug)]
#[repr(C)]
struct Fault {
    vector: u64,
    error: u64,
    instruction: u64,
    code_segment: u64,
    flags: u64,
    stack: u64,
}

/// Prints the fault on the console, and ends the guest. Called by `entry.s` in kernel mode.
#[unsafe(no_mangle)]
extern "C" fn fault_of_processor(fault: &Fault, address: u64) -> ! {
    let mut line = Line::default();
    writeln!(line, "Error: {fault:x?} at {address:x}").ok();
    for byte in line.bytes() {
        // SAFETY: a port of the machine, in kernel mode.
        unsafe { asm!("out dx, al", in("dx") CONSOLE, in("al") *byte, options(nomem, nostack)) }
    }
    loop {
        // SAFETY: resets the machine.
        unsafe { asm!("out 0x64, al", in("al") 0xfe_u8, options(nomem, nostack)) }
    }
}

/// The functions of a C library that the compiler expects.
#[cfg(panic = "abort")]
mod libc {
    use core::arch::asm;

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe {
            asm!("rep movsb", inout("rcx") bytes => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
        if to.addr().wrapping_sub(from.addr()) >= bytes {
            // SAFETY: the caller's promise; what is written is behind what is to be read.
            return unsafe { memcpy(to, from, bytes) };
        }
        // SAFETY: the caller's promise; from the end, and the direction is put right again.
        unsafe {
            asm!("std", "rep movsb", "cld", inout("rcx") bytes => _,
                inout("rdi") to.wrapping_add(bytes).wrapping_sub(1) => _,
                inout("rsi") from.wrapping_add(bytes).wrapping_sub(1) => _, options(nostack));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, byte: i32, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe {
            asm!("rep stosb", inout("rcx") bytes => _, inout("rdi") to => _, in("eax") byte,
                options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
        for at in 0..bytes {
            // SAFETY: the caller's promise.
            let (a, b) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
            if a != b {
                return i32::from(a) - i32::from(b);
            }
        }
        0
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { memcmp(one, other, bytes) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn strlen(text: *const u8) -> usize {
        let mut length = 0;
        // SAFETY: the caller's promise.
        while unsafe { text.add(length).read_volatile() } != 0 {
            length += 1;
        }
        length
    }

    /// Named by the compiler's own libraries, never called: nothing unwinds.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() {}
}
