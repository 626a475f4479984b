//! What a matrix is: scenes, each of them a fake VPC that is made once and in which cells are run one after the other.

/// A scene that has been made. Dropped and made anew after a cell that failed.
pub trait Stage {
    /// The names of its cells, made of parts: `apply/rename.3/KILL`. A sample has every part, numbers left aside, at
    /// least once.
    fn cells(&mut self) -> Vec<String>;

    /// Runs a cell, and leaves the scene as it was. Panics when something did not hold.
    fn run(&mut self, cell: &str);
}

/// A part of a matrix that runs by itself, beside others.
#[derive(Clone)]
pub struct Scene {
    /// The name of the matrix, a row of the table of results: `interrupted`.
    pub matrix: &'static str,
    /// The name of this part of it: `netplan/apply`.
    pub name: String,
    /// The end-to-end tests run all of it, so no sample is needed.
    pub is_tested: bool,
    pub make: fn(&str) -> Box<dyn Stage>,
}

impl Scene {
    /// What the full names of its cells begin with.
    pub fn prefix(&self) -> String {
        format!("{}/{}/", self.matrix, self.name)
    }
}
