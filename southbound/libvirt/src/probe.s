# The probe guest: see probe.rs. Made by: as --64 probe.s -o probe.o && ld -m elf_x86_64 -Ttext 0x7c00 --oformat binary probe.o -o probe.bin
.intel_syntax noprefix
.code16
.globl _start
_start:
  cli
  xor eax, eax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
  cld
  mov edi, 0x1000
  mov cr3, edi
  mov cx, 0x1800
  rep stosw
  mov dword ptr ds:0x1000, 0x2003
  mov dword ptr ds:0x2000, 0x3003
  mov dword ptr ds:0x3000, 0x83
  mov eax, 0x220          # PAE, OSFXSR
  mov cr4, eax
  mov ecx, 0xC0000080
  rdmsr
  or ah, 1                # LME
  wrmsr
  mov eax, cr0
  or eax, 0x80000001      # PG, PE
  and al, 0xfb            # no EM
  mov cr0, eax
  lgdt gdtr
  .byte 0xea              # jmp 8:long
  .word long
  .word 8
.code64
long:
  mov ecx, 10000
  mov esi, 0x5000
again:
  lock cmpxchg16b [rsi]
  loop again
  mov esi, 0x6000
  fxsave [rsi]
  fxrstor [rsi]
  # power off as ACPI does: q35 (SeaBIOS puts PM1a_CNT at 0x604) 
  mov dx, 0x604
  mov ax, 0x2000
  out dx, ax
stop:
  hlt
  jmp stop
.balign 8
gdt: .quad 0
  .quad 0x00209a0000000000
gdtr: .word 15
  .long gdt
.org 510
.word 0xaa55
