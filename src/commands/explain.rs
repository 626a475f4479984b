//! `eniroute explain`: what a code means, or the walk of one packet and of its answer.

use crate::check::explain::{self, Ground, Heard, Question, Wish};
use crate::check::walk::Packet;
use crate::cli::{Common, Explain, Selected};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::reconcile::Host;
use crate::reconcile::assess::Assessment;
use crate::reconcile::said::Said;
use crate::report::{Explanation, Form, Report};

/// A code needs nothing of the host; a packet the kernel, and the metadata as far as they are to be had.
///
/// # Errors
/// [`Error::Usage`]: neither a code nor an address, or an address that is nobody's. The kernel cannot be asked.
pub fn run(common: &Common, wanted: &Explain) -> Result<Report> {
    if let [word] = &wanted.words[..]
        && let Ok(code) = word.parse::<Code>()
    {
        return meaning(wanted, code);
    }
    packet(common, &Wish::of(wanted)?)
}

fn meaning(wanted: &Explain, code: Code) -> Result<Report> {
    if wanted.from.is_some() || wanted.dev.is_some() {
        let why = format!("{code} is a code, and --from and --in are for an address");
        return Err(Error::Usage(why));
    }
    Ok(report(Explanation::Meaning(code.entry())))
}

fn report(explanation: Explanation) -> Report {
    Report {
        command: "explain",
        explanation: Some(explanation),
        ..Report::default()
    }
}

fn packet(common: &Common, wish: &Wish) -> Result<Report> {
    let mut host = Host::open(common)?;
    let Said {
        metadata, refusal, ..
    } = host.said(true)?;
    let links = host.kernel.links()?;
    host.kernel.observe_also(explain::settings(&links));
    let assessment = Assessment::of(&mut host, metadata, &Selected::default())?;
    let fib = host.kernel.fib(&assessment.observed.links)?;
    let ground = Ground {
        assessment: &assessment,
        fib: &fib,
        has_metadata: refusal.is_none(),
    };
    // It may be a public address of ours.
    if !ground.is_own(wish.address)
        && wish.dev.is_none()
        && let Some(refusal) = refusal
    {
        return Err(refusal);
    }
    if wish.is_of_one_address()
        && let Some(client) = explain::client(&ground, wish.address)
    {
        return Ok(report(Explanation::Packet(client)));
    }
    let question = Question::of(&ground, wish)?;
    let heard = walk(&mut host, &ground, question.packet)?;
    let explained = explain::explained(&ground, question.address, &heard);
    Ok(Report {
        notes: refusal.iter().map(ToString::to_string).gathered(),
        form: Some(Form {
            without_metadata: refusal.is_some(),
            ..Form::default()
        }),
        ..report(Explanation::Packet(explained))
    })
}

/// The packet, then its answer, each with the kernel's word.
fn walk(host: &mut Host, ground: &Ground, packet: Packet) -> Result<Vec<Heard>> {
    let mut hear = |packet: Packet| {
        let word = host.kernel.word(&explain::asked(ground, &packet))?;
        Ok::<_, Error>(Heard { packet, word })
    };
    let first = hear(packet)?;
    let answer = explain::answer(ground, &first).map(hear).transpose()?;
    Ok(std::iter::once(first).chain(answer).gathered())
}
