//! Which priority a node and a block has: what stands keeps its own, whatever else comes and goes.

use std::collections::{BTreeMap, BTreeSet};

use super::flat::{Net, Source};
use super::tree::{Node, Tree};
use super::{Line, Standing};
use crate::gather::Gather;
use crate::net::index_rule::{BLOCKS, END, ENTRANCE, FLAT, IndexRule, Packets, Step};

/// Of each tree: what leads other packets past it, what leads received packets past it, its root.
pub const TREES: [[u32; 3]; 2] = [
    [ENTRANCE, ENTRANCE + 1, ENTRANCE + 2],
    [ENTRANCE + 4, ENTRANCE + 5, ENTRANCE + 6],
];
/// The first priority of all other nodes. A node has two: for where it leads, and for a miss.
const NODES: u32 = ENTRANCE + 8;
const NODE_SIZE: u32 = 2;
/// How many other nodes there can be.
pub const PLACES: usize = ((FLAT - NODES) / NODE_SIZE) as usize;

/// The priorities of a block: up to three lookups, then the end.
const BLOCK_SIZE: u32 = 4;
const LOOKUPS: usize = BLOCK_SIZE as usize - 1;

/// Of each node of each tree, its priority.
pub fn of(trees: &[Tree], standing: Standing) -> Vec<Vec<u32>> {
    let kept = nodes(standing);
    let anew = || {
        Places::new(trees, &BTreeMap::new())
            .all(trees)
            .unwrap_or_default()
    };
    Places::new(trees, &kept).all(trees).unwrap_or_else(anew)
}

/// The nodes that stand, by their prefixes.
fn nodes(standing: Standing) -> BTreeMap<Net, u32> {
    let node = |rule: &&IndexRule| match (rule.packets, rule.step) {
        (Packets::From(net), Step::Goto(slot)) if is_node(slot) => Some((net.into(), slot)),
        _ => None,
    };
    standing.iter().filter_map(node).into_map()
}

fn is_node(slot: u32) -> bool {
    (NODES..FLAT - 1).contains(&slot) && (slot - NODES).is_multiple_of(NODE_SIZE)
}

/// Priorities, while they are dealt out.
struct Places {
    kept: BTreeMap<Net, u32>,
    free: BTreeSet<u32>,
    /// How many free ones are left out between two, for nodes to come.
    gap: usize,
}

impl Places {
    fn new(trees: &[Tree], standing: &BTreeMap<Net, u32>) -> Self {
        let wanted = trees.iter().flat_map(|tree| tree.nodes.iter().skip(1));
        let wanted: Vec<Net> = wanted.map(|node| node.prefix).gathered();
        let kept = |net: &Net| Some((*net, *standing.get(net)?));
        let kept = wanted.iter().filter_map(kept).into_map();
        let taken: BTreeSet<u32> = kept.values().copied().into_set();
        let all = (NODES..FLAT - 1).step_by(NODE_SIZE as usize);
        let gap = match standing.len() {
            0 => (PLACES / wanted.len().max(1)).saturating_sub(1),
            _ => 0,
        };
        Self {
            kept,
            free: all.filter(|slot| !taken.contains(slot)).into_set(),
            gap,
        }
    }

    /// `None` where one that stands would have to make way.
    fn all(mut self, trees: &[Tree]) -> Option<Vec<Vec<u32>>> {
        let roots = trees.iter().zip(TREES);
        roots
            .map(|(tree, [_, _, root])| self.of_tree(tree, root))
            .gathered()
    }

    fn of_tree(&mut self, tree: &Tree, root: u32) -> Option<Vec<u32>> {
        let mut slots: Vec<u32> = Vec::with_capacity(tree.nodes.len());
        for node in &tree.nodes {
            let above = node.parent.map(|parent| slots.get(parent).copied());
            slots.push(match above {
                None => root,
                Some(above) => self.below(node, above?)?,
            });
        }
        Some(slots)
    }

    /// Behind the node above it.
    fn below(&mut self, node: &Node, above: u32) -> Option<u32> {
        let kept = self.kept.get(&node.prefix).copied();
        let kept = kept.filter(|slot| *slot > above);
        kept.or_else(|| self.taken(above + 1))
    }

    /// The first free one from there on.
    fn taken(&mut self, from: u32) -> Option<u32> {
        let first = *self.free.range(from..).next()?;
        let behind = self.free.range(first..).nth(self.gap + 1);
        let end = behind.copied().unwrap_or(first + 1);
        let gone: Vec<u32> = self.free.range(first..end).copied().gathered();
        for slot in gone {
            self.free.remove(&slot);
        }
        Some(first)
    }
}

/// The blocks by what they look up.
pub struct Blocks(BTreeMap<Vec<Step>, Block>);

struct Block {
    slot: u32,
    /// Around all its sources: whatever becomes of what keeps other packets out, they look up nothing here.
    cover: Net,
}

impl Blocks {
    /// One for each list of lookups, as far as there is room.
    pub fn of(sources: &[Source], standing: Standing) -> Self {
        let there = standing_blocks(standing);
        let covers = covers(sources);
        let kept = covers.keys().filter_map(|list| there.get(*list));
        let taken: BTreeSet<u32> = kept.copied().into_set();
        let all = BLOCKS.step_by(BLOCK_SIZE as usize);
        let mut free = all.filter(|slot| !taken.contains(slot));
        let block = |(list, cover): (&[Step], Net)| {
            let slot = there.get(list).copied().or_else(|| free.next())?;
            Some((list.to_vec(), Block { slot, cover }))
        };
        Self(covers.into_iter().filter_map(block).into_map())
    }

    /// Whether one looks up what this source does.
    pub fn has(&self, source: &Source) -> bool {
        self.slot(source).is_some()
    }

    /// Its first priority.
    pub fn slot(&self, source: &Source) -> Option<u32> {
        self.0.get(&*source.lookups).map(|block| block.slot)
    }

    /// The rules of all of them.
    pub fn rules(&self) -> impl Iterator<Item = Line> {
        self.0.iter().flat_map(|(list, block)| {
            let packets = match block.cover.length {
                0 => Packets::All,
                _ => Packets::From(block.cover.into()),
            };
            let lookups = list.iter().map(move |step| (packets, *step));
            let lines = lookups.chain([(Packets::All, Step::Goto(END))]);
            (block.slot..)
                .zip(lines)
                .map(|(priority, (packets, step))| (priority, packets, step))
        })
    }
}

/// The lists of lookups, each with the prefix around its sources.
fn covers(sources: &[Source]) -> BTreeMap<&[Step], Net> {
    let mut covers = BTreeMap::new();
    for Source { net, lookups } in sources.iter().filter(|one| one.lookups.len() <= LOOKUPS) {
        let cover = covers.entry(&**lookups).or_insert(*net);
        *cover = cover.cover(*net);
    }
    covers
}

/// Those that stand whole.
fn standing_blocks(standing: Standing) -> BTreeMap<Vec<Step>, u32> {
    let mut blocks: BTreeMap<u32, Vec<Step>> = BTreeMap::new();
    for rule in standing
        .iter()
        .filter(|rule| BLOCKS.contains(&rule.priority))
    {
        let slot = rule.priority - (rule.priority - BLOCKS.start) % BLOCK_SIZE;
        blocks.entry(slot).or_default().push(rule.step);
    }
    let whole = |(slot, mut steps): (u32, Vec<Step>)| {
        (steps.pop() == Some(Step::Goto(END))).then_some((steps, slot))
    };
    blocks.into_iter().filter_map(whole).into_map()
}
