# From power-on to Rust in user mode (CPL 3), and the little that has to be done in kernel mode (CPL 0).
# Where KVM emulates kernel mode, an instruction there takes 2 microseconds: nothing computes in it.
#
# 16-bit and 32-bit code runs before there is an address space; labels are physical addresses below 4 GiB.

    .set CPUS, 4
    .set KERNEL_STACK, 16384
    .set USER_STACK, 262144
    # 1 GiB each, from address 0.
    .set DIRECTORIES, 16
    .set VECTORS, 65
    .set TIMER, 0x40
    .set SPURIOUS, 0x3f
    # The local APIC's registers.
    .set APIC_ID, 0xfee00020
    .set APIC_END, 0xfee000b0
    .set APIC_SPURIOUS, 0xfee000f0
    .set APIC_TIMER, 0xfee00320
    .set APIC_LINT0, 0xfee00350
    .set APIC_COUNT, 0xfee00380
    .set APIC_DIVIDE, 0xfee003e0
    # What user mode asks for by ud2, in eax; machine.rs has the same.
    .set CALL_TRANSFER, 0x48504301
    .set CALL_SLEEP, 0x48504302
    .set CALL_RESET, 0x48504303

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long start32

    .section .text.entry, "ax"
    .code32
    .globl start32
start32:
    cli
    cld
    mov %ebx, boot_info
    # Every address is itself: pages of 2 MiB, for user and kernel, writable.
    movl $directories + 7, %eax
    movl $pdpt + 7, pml4
    movl $pdpt, %edi
    movl $DIRECTORIES, %ecx
1:  mov %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 1b
    # ebx holds what is above 4 GiB of the address.
    movl $0x87, %eax
    xorl %ebx, %ebx
    movl $directories, %edi
    movl $DIRECTORIES * 512, %ecx
2:  mov %eax, (%edi)
    mov %ebx, 4(%edi)
    addl $8, %edi
    addl $0x200000, %eax
    adcl $0, %ebx
    loop 2b
    movl $idt, %edi
    movl $stubs, %eax
    movl $VECTORS, %ecx
3:  mov %eax, 4(%edi)
    movw $0xee00, 4(%edi)         # present, for user mode too, an interrupt gate
    mov %ax, (%edi)
    movw $0x08, 2(%edi)
    addl $16, %edi
    addl $16, %eax
    dec %ecx
    jnz 3b
    # The two interrupt controllers of the PC are not used.
    movb $0xff, %al
    outb %al, $0x21
    outb %al, $0xa1

# What every processor does; its number is its local APIC's.
long_mode:
    mov %cr4, %eax
    orl $0x620, %eax              # PAE, OSFXSR, OSXMMEXCPT
    mov %eax, %cr4
    movl $pml4, %eax
    mov %eax, %cr3
    movl $0xc0000080, %ecx        # EFER
    rdmsr
    orl $0x100, %eax              # LME
    wrmsr
    movl $0x80010033, %eax        # PG WP NE ET MP PE
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmpl $0x08, $start64

    .code64
start64:
    movl $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xorl %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    movl $APIC_ID, %eax
    movl (%rax), %ebp
    shrl $24, %ebp
    cmpl $CPUS, %ebp
    jae stop
    lidt idt_pointer(%rip)
    # Its task state: the stack for kernel mode.
    mov %ebp, %eax
    incl %eax
    imull $KERNEL_STACK, %eax, %eax
    addl $kernel_stacks, %eax
    mov %eax, %esp
    mov %ebp, %edi
    shll $7, %edi
    addl $task_states, %edi
    mov %rsp, 4(%rdi)
    mov %ebp, %ecx
    shll $4, %ecx
    addl $0x30, %ecx
    leal gdt(%ecx), %edx
    movl $0x67, (%rdx)
    mov %di, 2(%rdx)
    shrl $16, %edi
    movl $0x8900, 4(%rdx)
    mov %edi, %eax
    andl $0xff, %eax
    orl %eax, 4(%rdx)
    shrl $8, %edi
    movb %dil, 7(%rdx)
    ltr %cx
    # Its local APIC: on, no interrupts of others, a timer that counts the bus clock down once.
    movl $APIC_SPURIOUS, %eax
    movl $0x100 | SPURIOUS, (%rax)
    movl $APIC_LINT0, %eax
    movl $0x10000, (%rax)
    movl $APIC_DIVIDE, %eax
    movl $0xb, (%rax)
    movl $APIC_TIMER, %eax
    movl $TIMER, (%rax)
    # To user mode: ss, rsp, flags, cs, rip.
    mov %ebp, %eax
    incl %eax
    imull $USER_STACK, %eax, %eax
    addl $user_stacks, %eax
    subl $8, %eax
    pushq $0x23
    push %rax
    pushq $0x202                  # interrupts on: its own timer is all there is
    pushq $0x1b
    movl $enter, %eax
    push %rax
    mov %ebp, %edi
    iretq

stop:
    cli
    hlt
    jmp stop

    .balign 16
stubs:
    .set vector, 0
    .rept VECTORS
    .balign 16
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp trap
    .set vector, vector + 1
    .endr

# On the stack: vector, error, rip, cs, flags, rsp, ss.
trap:
    cmpl $32, (%rsp)
    jae interrupt
    cmpl $6, (%rsp)
    jne fault
    testb $3, 24(%rsp)
    jz fault
    cmpl $CALL_TRANSFER, %eax
    je transfer
    cmpl $CALL_SLEEP, %eax
    je nap
    cmpl $CALL_RESET, %eax
    je reset
fault:
    mov %rsp, %rdi
    mov %cr2, %rsi
    andq $-16, %rsp
    call fault_of_processor

# Sends rcx bytes from rsi to the serial port at edx, then sets the timer to edi ticks if they are not 0; eax is a
# byte received and 0x100, or 0.
transfer:
    rep outsb
    testl %edi, %edi
    jz 1f
    movl $APIC_COUNT, %eax
    mov %edi, (%rax)
1:
    addl $5, %edx
    inb %dx, %al
    andl $1, %eax
    jz called
    subl $5, %edx
    inb %dx, %al
    movzbl %al, %eax
    orl $0x100, %eax
called:
    addq $2, 16(%rsp)
    addq $16, %rsp
    iretq

# Until edi ticks of the local APIC's timer have passed; then sets it to esi ticks.
nap:
    movl $APIC_COUNT, %eax
    mov %edi, (%rax)
    sti
nap_halts:
    hlt
    cli
    movl $APIC_COUNT, %eax
    mov %esi, (%rax)
    jmp called

reset:
    movb $0xfe, %al
    outb %al, $0x64
    jmp stop

# Its own timer: ends a nap in kernel mode, rings in user mode.
interrupt:
    push %rax
    movl $APIC_END, %eax
    movl $0, (%rax)
    testb $3, 32(%rsp)
    jz ends_nap
    # Below what user mode may have under its stack pointer: where it was and its flags.
    push %rdx
    mov 56(%rsp), %rax
    subq $144, %rax
    mov 48(%rsp), %rdx
    mov %rdx, (%rax)
    mov 32(%rsp), %rdx
    mov %rdx, 8(%rax)
    mov %rax, 56(%rsp)
    movl $ring, %eax
    mov %rax, 32(%rsp)
    pop %rdx
returns:
    pop %rax
    addq $16, %rsp
    iretq

# After sti no interrupt comes before the next instruction has run, unless the guest is moved just then: QEMU does not
# hand that state on (kvm_put_vcpu_events in target/i386/kvm/kvm.c, QEMU 10.0), and at the destination the timer has run
# out at once. The processor would halt after its only interrupt, for ever: it must not halt any more.
ends_nap:
    cmpq $nap_halts, 24(%rsp)
    jne returns
    incq 24(%rsp)
    jmp returns

# In user mode, as if called from where the processor was: nothing that it had is changed.
ring:
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbp
    mov %rsp, %rbp
    subq $512, %rsp
    andq $-16, %rsp
    fxsave64 (%rsp)
    cld
    call timer_rings
    fxrstor64 (%rsp)
    mov %rbp, %rsp
    pop %rbp
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    popfq
    retq $128

# What another processor does first: in real mode, from a page below 1 MiB that this is copied to.
    .code16
    .globl trampoline, trampoline_end
trampoline:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl 0x8000 + trampoline_pointer - trampoline
    mov %cr0, %eax
    orb $1, %al
    mov %eax, %cr0
    ljmpl $0x28, $start_other
    .balign 4
trampoline_pointer:
    .word gdt_end - gdt - 1
    .long gdt
trampoline_end:
    .code32
start_other:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    cld
    jmp long_mode

    .data
    .balign 16
    .globl boot_info
boot_info: .quad 0
gdt:
    .quad 0
    .quad 0x00af9b000000ffff      # 08 kernel code
    .quad 0x00cf93000000ffff      # 10 kernel data
    .quad 0x00affb000000ffff      # 18 user code
    .quad 0x00cff3000000ffff      # 20 user data
    .quad 0x00cf9b000000ffff      # 28 kernel code of 32 bits
    .skip CPUS * 16               # 30 task states
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
idt_pointer:
    .word VECTORS * 16 - 1
    .quad idt

    .bss
    .balign 4096
pml4: .skip 4096
pdpt: .skip 4096
directories: .skip DIRECTORIES * 4096
idt: .skip 4096
task_states: .skip CPUS * 128
    .balign 4096
kernel_stacks: .skip CPUS * KERNEL_STACK
user_stacks: .skip CPUS * USER_STACK
    .text
