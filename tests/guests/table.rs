//! The result: a row for each step of each image, printed as it comes, and whether all went well.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The steps of one story of one image.
pub struct Steps {
    story: String,
    failed: usize,
}

impl Steps {
    pub fn new(story: String) -> Self {
        Self { story, failed: 0 }
    }

    /// A step whose failure (a panic) does not keep the others from being tried.
    pub fn step(&mut self, name: &str, work: impl FnOnce()) {
        self.essential(name, work);
    }

    /// A step without which the rest makes no sense: `None` when it failed.
    pub fn essential<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> Option<T> {
        let begin = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(work));
        self.row(
            name,
            if result.is_ok() { "ok" } else { "FAILED" },
            begin.elapsed(),
        );
        self.failed += usize::from(result.is_err());
        result.ok()
    }

    /// A fact to be kept with the result.
    pub fn note(&self, text: &str) {
        println!("{:<26} {}", self.story, text.trim().replace('\n', ", "));
    }

    pub fn failed(&self) -> usize {
        self.failed
    }

    fn row(&self, name: &str, result: &str, time: Duration) {
        println!(
            "{:<26} {name:<56} {result:<7} {:>7.1} s",
            self.story,
            time.as_secs_f64()
        );
    }
}
