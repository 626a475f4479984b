//! The search tree over the sources: which node leads where. It is the same for the same sources, and differs little
//! where they do.

use super::flat::{Net, Source};
use super::slots::PLACES;

/// A node has up to so many sources, or up to four nodes below it. Measured (docs/performance.md): 4 to 12 differ little.
const SOURCES: usize = 8;

/// How many bits a node looks at.
const STRIDE: u8 = 2;

/// A tree over the sources within one prefix.
#[derive(Debug)]
pub struct Tree {
    pub cover: Net,
    /// The first one is the root; those above another one come before it.
    pub nodes: Vec<Node>,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    pub prefix: Net,
    /// `None`: it is the root.
    pub parent: Option<usize>,
    pub entries: Vec<Entry>,
}

/// Where a node leads.
#[derive(Debug)]
pub enum Entry {
    Source(Source),
    /// The place of the node below.
    Node(usize),
}

/// A tree for each prefix, with as many sources in a node as it takes to have a place for each node.
pub fn grown(covers: &[Net], sources: &[Source]) -> Vec<Tree> {
    let mut most = SOURCES;
    loop {
        let of_cover = |cover: &Net| {
            let is_in = |source: &&Source| source.net.up_to(cover.length) == *cover;
            let own: Vec<Source> = sources.iter().filter(is_in).cloned().collect();
            Tree::over(*cover, own, most)
        };
        let trees: Vec<Tree> = covers.iter().map(of_cover).collect();
        let count: usize = trees.iter().map(|tree| tree.nodes.len()).sum();
        if count <= PLACES || most > sources.len() {
            return trees;
        }
        most *= 2;
    }
}

impl Tree {
    /// Of sources in their order.
    fn over(cover: Net, sources: Vec<Source>, most: usize) -> Self {
        let root = Node {
            prefix: cover,
            parent: None,
            entries: Vec::new(),
        };
        let mut nodes = vec![root];
        let mut waiting = vec![sources];
        let mut at = 0;
        while let (Some(sources), Some(prefix)) = (
            waiting.get_mut(at).map(std::mem::take),
            nodes.get(at).map(|node| node.prefix),
        ) {
            let mut entries = Vec::new();
            for (below, sources) in parts(prefix, sources, most) {
                match below {
                    None => entries.extend(sources.into_iter().map(Entry::Source)),
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
        Self { cover, nodes }
    }
}

/// What a node of this prefix has: sources of its own, and those of the nodes below, with their prefixes.
fn parts(prefix: Net, sources: Vec<Source>, most: usize) -> Vec<(Option<Net>, Vec<Source>)> {
    if sources.len() <= most {
        return vec![(None, sources)];
    }
    let length = (prefix.length / STRIDE + 1) * STRIDE;
    let alike = |a: &Source, b: &Source| {
        a.net.length >= length && a.net.up_to(length) == b.net.up_to(length)
    };
    let groups = sources.chunk_by(alike);
    groups.map(|group| part(length, group, most)).collect()
}

/// A full node below is as long as what its sources have in common; one that has room keeps its prefix while they change.
fn part(length: u8, sources: &[Source], most: usize) -> (Option<Net>, Vec<Source>) {
    let below = match sources {
        [] | [_] => None,
        [first, .., last] if sources.len() > most => {
            let cover = first.net.cover(last.net);
            Some(cover.up_to(cover.length / STRIDE * STRIDE))
        }
        [first, ..] => Some(first.net.up_to(length)),
    };
    (below, sources.to_vec())
}
