#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| eniroute_fuzz::metadata(input));
