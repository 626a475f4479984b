//! Runs scenes beside each other, says how far they are, and sums up in a table.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::choice::Choice;
use crate::stage::{Scene, Stage};

/// Of a matrix: what was run, and for how long in all, beside others.
#[derive(Default)]
struct Row {
    listed: usize,
    run: usize,
    /// Their names.
    failed: Vec<String>,
    spent: Duration,
}

impl Row {
    fn so_far(&self, scene: &Scene) -> String {
        let Self {
            run,
            listed,
            failed,
            ..
        } = self;
        let (prefix, failed) = (scene.prefix(), failed.len());
        format!("{prefix}: {run} of {listed} cells, {failed} failed")
    }
}

/// How often a scene says how far it is.
const PROGRESS: Duration = Duration::from_secs(20);

pub fn all(mut scenes: Vec<Scene>, choice: &Choice) -> ExitCode {
    println!("soak: {} in {} scenes", choice.describe(), scenes.len());
    // Said once, with the cell's name.
    panic::set_hook(Box::new(|_| {}));
    let begin = Instant::now();
    scenes.reverse();
    let (queue, table) = (Mutex::new(scenes), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..workers() {
            scope.spawn(|| {
                while let Some((scene, left)) = take(&queue) {
                    let end = choice.end_of_scene(left, workers());
                    // A fake VPC belongs to a thread, which ends with it.
                    thread::scope(|scope| scope.spawn(|| play(&scene, choice, end, &table)).join())
                        .unwrap();
                }
            });
        }
    });
    sum_up(&table.into_inner().unwrap(), begin.elapsed())
}

/// As many as tests run beside each other.
fn workers() -> usize {
    let threads = std::env::var("RUST_TEST_THREADS").ok();
    let threads = threads.and_then(|text| text.parse().ok());
    threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into))
}

/// The next one, and how many are left.
fn take(queue: &Mutex<Vec<Scene>>) -> Option<(Scene, usize)> {
    let mut queue = queue.lock().unwrap();
    queue.pop().map(|scene| (scene, queue.len()))
}

fn play(
    scene: &Scene,
    choice: &Choice,
    end: Option<Instant>,
    table: &Mutex<BTreeMap<&'static str, Row>>,
) {
    let begin = Instant::now();
    let row = cells(scene, choice, end);
    println!("{}", row.so_far(scene));
    let mut table = table.lock().unwrap();
    let sum: &mut Row = table.entry(scene.matrix).or_default();
    sum.listed += row.listed;
    sum.run += row.run;
    sum.failed.extend(row.failed);
    sum.spent += begin.elapsed();
}

fn cells(scene: &Scene, choice: &Choice, end: Option<Instant>) -> Row {
    let prefix = scene.prefix();
    let mut stage = None;
    let mut row = Row::default();
    let listed = attempt(|| made(&mut stage, scene).cells());
    let Ok(listed) = listed.inspect_err(|why| println!("FAILED {prefix}: {why}")) else {
        (row.listed, row.run, row.failed) = (1, 1, vec![prefix]);
        return row;
    };
    row.listed = listed.len();
    let mut said = Instant::now();
    for cell in choice.of(scene, listed) {
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        row.run += 1;
        if let Err(why) = attempt(|| made(&mut stage, scene).run(&cell)) {
            stage = None;
            println!("FAILED {prefix}{cell}: {why}\n  again: make soak ARGS='{prefix}{cell}'");
            row.failed.push(format!("{prefix}{cell}"));
        }
        if said.elapsed() > PROGRESS {
            said = Instant::now();
            println!("{}", row.so_far(scene));
        }
    }
    row
}

fn made<'a>(stage: &'a mut Option<Box<dyn Stage>>, scene: &Scene) -> &'a mut Box<dyn Stage> {
    stage.get_or_insert_with(|| (scene.make)(&scene.name))
}

/// Does it; a panic is what it says.
fn attempt<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|why| said(why.as_ref()))
}

fn said(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| why.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}

fn sum_up(table: &BTreeMap<&str, Row>, took: Duration) -> ExitCode {
    println!("\n| matrix | cells | run | passed | time |\n|---|---|---|---|---|");
    for (name, row) in table {
        let Row {
            listed,
            run,
            failed,
            spent,
        } = row;
        println!(
            "| {name} | {listed} | {run} | {} | {} s |",
            run - failed.len(),
            spent.as_secs()
        );
    }
    println!(
        "In {} s, {} scenes beside each other.",
        took.as_secs(),
        workers()
    );
    if table.is_empty() {
        println!("No cell has this name.");
    }
    let failed: Vec<&str> = table
        .values()
        .flat_map(|row| &row.failed)
        .map(String::as_str)
        .collect();
    if !failed.is_empty() {
        // As the other test programs end: tests/twice reads it.
        println!("\nfailures:\n    {}\n", failed.join("\n    "));
    }
    ExitCode::from(u8::from(table.is_empty() || !failed.is_empty()))
}
