//! The search tree over the sources: which node leads where. It is the same for the same sources, and differs little
//! where they do.

use super::flat::{Net, Source};
use super::slots::PLACES;
use crate::gather::Gather;

/// A node has up to so many sources, or up to four nodes below it. Measured (docs/performance.md): 4 to 16 differ little, and 16 need two thirds of the rules of 8.
const SOURCES: usize = 16;

/// How many bits a node looks at.
const STRIDE: u8 = 2;

/// A tree over the sources within one prefix.
#[derive(Debug)]
pub struct Tree<'a> {
    pub cover: Net,
    /// The first one is the root; those above another one come before it.
    pub nodes: Vec<Node<'a>>,
}

/// A node.
#[derive(Debug)]
pub struct Node<'a> {
    pub prefix: Net,
    /// `None`: it is the root.
    pub parent: Option<usize>,
    pub entries: Vec<Entry<'a>>,
}

/// Where a node leads.
#[derive(Debug)]
pub enum Entry<'a> {
    Source(&'a Source),
    /// The place of the node below.
    Node(usize),
}

/// A tree for each prefix over the sources, in their order, within it, with as many sources in a node as it takes to have a
/// place for each node.
pub fn grown<'a>(covers: &[Net], sources: &'a [Source]) -> Vec<Tree<'a>> {
    let mut most = SOURCES;
    loop {
        let of_cover = |cover: &Net| Tree::over(*cover, within(*cover, sources), most);
        let trees: Vec<Tree> = covers.iter().map(of_cover).gathered();
        let count: usize = trees.iter().map(|tree| tree.nodes.len()).sum();
        if count <= PLACES || most > sources.len() {
            return trees;
        }
        most *= 2;
    }
}

/// Those within a prefix.
fn within(cover: Net, sources: &[Source]) -> &[Source] {
    let from = sources.partition_point(|source| source.net < cover);
    let sources = sources.get(from..).unwrap_or_default();
    let count = sources.partition_point(|source| source.net.up_to(cover.length) == cover);
    sources.get(..count).unwrap_or_default()
}

impl<'a> Tree<'a> {
    /// Of sources in their order.
    fn over(cover: Net, sources: &'a [Source], most: usize) -> Self {
        let root = Node {
            prefix: cover,
            parent: None,
            entries: Vec::new(),
        };
        let mut nodes = vec![root];
        let mut waiting = vec![sources];
        let mut at = 0;
        while let (Some(sources), Some(prefix)) = (
            waiting.get(at).copied(),
            nodes.get(at).map(|node| node.prefix),
        ) {
            let mut entries = Vec::new();
            for (below, sources) in parts(prefix, sources, most) {
                match below {
                    None => entries.extend(sources.iter().map(Entry::Source)),
                    Some(prefix) => {
                        entries.push(Entry::Node(nodes.len()));
                        nodes.push(Node {
                            prefix,
                            parent: Some(at),
                            entries: Vec::new(),
                        });
                        waiting.push(sources);
                    }
                }
            }
            if let Some(node) = nodes.get_mut(at) {
                node.entries = entries;
            }
            at += 1;
        }
        nodes.shrink_to_fit();
        Self { cover, nodes }
    }
}

/// What a node of this prefix has: sources of its own, and those of the nodes below, with their prefixes.
fn parts(prefix: Net, sources: &[Source], most: usize) -> Vec<(Option<Net>, &[Source])> {
    if sources.len() <= most {
        return vec![(None, sources)];
    }
    let length = (prefix.length / STRIDE + 1) * STRIDE;
    let alike = |a: &Source, b: &Source| {
        a.net.length >= length && a.net.up_to(length) == b.net.up_to(length)
    };
    let groups = sources.chunk_by(alike);
    groups
        .map(|group| (below(length, group, most), group))
        .gathered()
}

/// The prefix of a node below; `None`: these sources need none. A full one is as long as what they have in common; one that
/// has room keeps its prefix while they change.
fn below(length: u8, sources: &[Source], most: usize) -> Option<Net> {
    match sources {
        [] | [_] => None,
        [first, .., last] if sources.len() > most => {
            let cover = first.net.cover(last.net);
            Some(cover.up_to(cover.length / STRIDE * STRIDE))
        }
        [first, ..] => Some(first.net.up_to(length)),
    }
}
