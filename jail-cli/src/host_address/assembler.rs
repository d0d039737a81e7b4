// SPDX-License-Identifier: MIT OR Apache-2.0

//! BPF instructions by name, with labels to jump to.
//!
//! No more of them than are needed here; the kernel's documentation has them all
//! (Documentation/bpf/standardization/instruction-set.rst).

use crate::sys::bpf::Instruction;

/// A register.
///
/// A call takes its arguments in 1 to 5, loses them, and leaves its result in 0; 6 to 9 stay. 10 is the
/// end of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

/// How much is loaded or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Width {
    /// 16 bits.
    Half = 0x08,
    /// 32 bits.
    Word = 0x00,
    /// 64 bits.
    Double = 0x18,
}

/// A place in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// Where something is: so many bytes from where a register points to.
pub type Memory = (Register, i16);

// Classes.
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const ALU: u8 = 0x04;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const ALU64: u8 = 0x07;

/// Memory, by a register and an offset.
const MEM: u8 = 0x60;

/// The other operand is a register, and not the number in the instruction.
const BY_REGISTER: u8 = 0x08;

// Operations.
const ADD: u8 = 0x00;
const AND: u8 = 0x50;
const MOV: u8 = 0xb0;
const END: u8 = 0xd0;
const JA: u8 = 0x00;
const JEQ: u8 = 0x10;
const JNE: u8 = 0x50;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;

/// A program that is being written.
#[derive(Debug, Default)]
pub struct Assembler {
    instructions: Vec<Instruction>,
    /// Where each label is, once it has been placed.
    labels: Vec<Option<usize>>,
    /// Which instructions jump where.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label that is to be placed.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Has `label` be here.
    pub fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.instructions.len());
    }

    /// Whether something jumps to `label`. The kernel takes no program with an instruction that is never
    /// reached.
    pub fn is_used(&self, label: Label) -> bool {
        self.jumps.iter().any(|(_, to)| *to == label)
    }

    /// `to` becomes a number.
    pub fn set(&mut self, to: Register, number: i32) {
        self.emit(ALU64 | MOV, to as u8, 0, number);
    }

    /// `to` becomes what `from` is.
    pub fn copy(&mut self, to: Register, from: Register) {
        self.emit(ALU64 | MOV | BY_REGISTER, pair(to, from), 0, 0);
    }

    /// Adds a number.
    pub fn add(&mut self, to: Register, number: i32) {
        self.emit(ALU64 | ADD, to as u8, 0, number);
    }

    /// Keeps of the lower 32 bits those that are in `mask`.
    pub fn mask(&mut self, to: Register, mask: i32) {
        self.emit(ALU | AND, to as u8, 0, mask);
    }

    /// Puts the bytes of the lower 16 bits in the order of the network.
    pub fn network_order(&mut self, to: Register) {
        self.emit(ALU | END | BY_REGISTER, to as u8, 0, 16);
    }

    /// Loads `to`.
    pub fn load(&mut self, width: Width, to: Register, (from, offset): Memory) {
        self.emit(LDX | MEM | width as u8, pair(to, from), offset, 0);
    }

    /// Stores `from`.
    pub fn store(&mut self, width: Width, (to, offset): Memory, from: Register) {
        self.emit(STX | MEM | width as u8, pair(to, from), offset, 0);
    }

    /// Stores a number.
    pub fn store_number(&mut self, width: Width, (to, offset): Memory, number: i32) {
        self.emit(ST | MEM | width as u8, to as u8, offset, number);
    }

    /// Goes on at `label`.
    pub fn jump(&mut self, label: Label) {
        self.jump_to(label, JMP | JA, 0, 0);
    }

    /// Goes on there where the lower 32 bits are this number.
    pub fn jump_if_equal(&mut self, left: Register, right: i32, label: Label) {
        self.jump_to(label, JMP32 | JEQ, left as u8, right);
    }

    /// Goes on there where they are another one.
    pub fn jump_unless_equal(&mut self, left: Register, right: i32, label: Label) {
        self.jump_to(label, JMP32 | JNE, left as u8, right);
    }

    /// Goes on there where all of it is zero, as a pointer to nothing is.
    pub fn jump_if_null(&mut self, pointer: Register, label: Label) {
        self.jump_to(label, JMP | JEQ, pointer as u8, 0);
    }

    /// Calls a function of the kernel's, by its number.
    pub fn call(&mut self, function: i32) {
        self.emit(JMP | CALL, 0, 0, function);
    }

    /// Ends the program; register 0 is its result.
    pub fn exit(&mut self) {
        self.emit(JMP | EXIT, 0, 0, 0);
    }

    /// The program.
    ///
    /// # Errors
    ///
    /// Where a label has no place, or is too far from a jump.
    pub fn finish(mut self) -> Result<Vec<Instruction>, String> {
        for (from, label) in self.jumps {
            let to = self.labels[label.0].ok_or_else(|| format!("label {} is nowhere", label.0))?;
            let distance = i64::try_from(to).ok().zip(i64::try_from(from + 1).ok());
            let distance = distance.and_then(|(to, next)| i16::try_from(to - next).ok());
            self.instructions[from].offset =
                distance.ok_or_else(|| format!("label {} is too far", label.0))?;
        }
        Ok(self.instructions)
    }

    fn jump_to(&mut self, label: Label, code: u8, registers: u8, immediate: i32) {
        self.jumps.push((self.instructions.len(), label));
        self.emit(code, registers, 0, immediate);
    }

    fn emit(&mut self, code: u8, registers: u8, offset: i16, immediate: i32) {
        self.instructions.push(Instruction {
            code,
            registers,
            offset,
            immediate,
        });
    }
}

/// Both registers of an instruction in one byte.
fn pair(to: Register, from: Register) -> u8 {
    (from as u8) << 4 | to as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use Register::{R0, R1, R10, R6, R9};

    /// As `llvm-objdump` shows what clang makes of it.
    fn one(write: impl FnOnce(&mut Assembler)) -> (u8, u8, i16, i32) {
        let mut assembler = Assembler::default();
        write(&mut assembler);
        let instructions = assembler.finish().expect("a program");
        assert_eq!(instructions.len(), 1);
        let it = instructions[0];
        (it.code, it.registers, it.offset, it.immediate)
    }

    #[test]
    fn instructions_are_encoded_as_the_kernel_reads_them() {
        assert_eq!(one(|it| it.set(R0, 1)), (0xb7, 0x00, 0, 1));
        assert_eq!(one(|it| it.copy(R6, R1)), (0xbf, 0x16, 0, 0));
        assert_eq!(one(|it| it.add(R1, -16)), (0x07, 0x01, 0, -16));
        assert_eq!(one(|it| it.mask(R1, 0xff)), (0x54, 0x01, 0, 0xff));
        assert_eq!(one(|it| it.network_order(R9)), (0xdc, 0x09, 0, 16));
        let word = |it: &mut Assembler| it.load(Width::Word, R1, (R6, 4));
        assert_eq!(one(word), (0x61, 0x61, 4, 0));
        let double = |it: &mut Assembler| it.load(Width::Double, R1, (R6, 64));
        assert_eq!(one(double), (0x79, 0x61, 64, 0));
        let half = |it: &mut Assembler| it.store(Width::Half, (R10, -6), R9);
        assert_eq!(one(half), (0x6b, 0x9a, -6, 0));
        let word = |it: &mut Assembler| it.store(Width::Word, (R6, 4), R1);
        assert_eq!(one(word), (0x63, 0x16, 4, 0));
        let number = |it: &mut Assembler| it.store_number(Width::Word, (R10, -4), 7);
        assert_eq!(one(number), (0x62, 0x0a, -4, 7));
        assert_eq!(one(|it| it.call(64)), (0x85, 0x00, 0, 64));
        assert_eq!(one(Assembler::exit), (0x95, 0x00, 0, 0));
    }

    #[test]
    fn jumps_lead_to_their_labels() {
        let mut assembler = Assembler::default();
        let (end, start) = (assembler.label(), assembler.label());
        assembler.place(start);
        assembler.jump_if_equal(R1, 5, end);
        assembler.jump_unless_equal(R1, 6, start);
        assembler.jump_if_null(R1, end);
        assembler.jump(end);
        assembler.place(end);
        assembler.exit();
        let found: Vec<(u8, i16)> = assembler
            .finish()
            .expect("a program")
            .iter()
            .map(|it| (it.code, it.offset))
            .collect();
        assert_eq!(
            found,
            [(0x16, 3), (0x56, -2), (0x15, 1), (0x05, 0), (0x95, 0)]
        );
    }

    #[test]
    fn a_label_without_a_place_is_a_mistake() {
        let mut assembler = Assembler::default();
        let label = assembler.label();
        assert!(!assembler.is_used(label));
        assembler.jump(label);
        assert!(assembler.is_used(label));
        assert!(assembler.finish().is_err());
    }
}
