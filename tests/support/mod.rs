//! What several of the test binaries use: the fake VPC, an instance in it, disks of every network stack, random input,
//! and the scenes that the tests and the matrices of faults share. Each binary uses a part of it. No test is in here.

#![allow(dead_code, unused_imports)] // each of its users leaves another part of it unused

pub mod confined;
pub mod crowd;
pub mod cut;
pub mod disks;
pub mod draw;
pub mod instance;
pub mod lab;
pub mod nat;
pub mod shown;
pub mod truth;
pub mod vpc;
