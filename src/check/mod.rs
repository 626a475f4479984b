//! What is wrong with this host, and the proof of it: pure, over what was read before. It changes nothing, and asks
//! nobody.

pub mod walk;
