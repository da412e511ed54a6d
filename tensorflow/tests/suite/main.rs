//! The tests of the crate from outside, in one program: each file is a subject.

mod budgets;
mod calibrated;
mod eight_bit;
mod evaluated;
mod hostile;
mod support;
mod transforms;
