//! A topology as lines of text: a row for each node, a rail for each value that is still needed.

use mmt_fusion::topology::Topology;

/// The rails of every node, all of one width.
pub fn rails(topology: &Topology) -> Vec<String> {
    let nodes = topology.nodes();
    let last = |value: usize| {
        let reads = (0..nodes.len()).rev().find(|&i| nodes[i].reads().contains(&value)).unwrap_or(value);
        if topology.outputs().contains(&value) { nodes.len() } else { reads }
    };
    let mut lanes: Vec<Option<usize>> = vec![];
    let mut rows: Vec<Vec<char>> = vec![];
    for (i, node) in nodes.iter().enumerate() {
        let reads = node.reads();
        let lane_of = |value: usize, lanes: &[Option<usize>]| lanes.iter().position(|l| *l == Some(value));
        let read: Vec<usize> = reads.iter().filter_map(|&value| lane_of(value, &lanes)).collect();
        // A value that ends here hands its rail on.
        let ends = |lane: &usize| lanes[*lane].is_some_and(|value| last(value) == i);
        let own = read.iter().copied().filter(|lane| ends(lane)).min();
        let free = || lanes.iter().position(Option::is_none).unwrap_or(lanes.len());
        let own = own.unwrap_or_else(free);
        let ending: Vec<bool> = (0..lanes.len()).map(|lane| ends(&lane)).collect();
        rows.push(row(&lanes, &read, own, &ending));
        for (lane, end) in lanes.iter_mut().zip(&ending) {
            if *end {
                *lane = None;
            }
        }
        if own == lanes.len() {
            lanes.push(None);
        }
        // What nothing reads has no rail.
        lanes[own] = (last(i) > i).then_some(i);
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    rows.into_iter().map(|row| format!("{:<width$}", row.into_iter().collect::<String>())).collect()
}

/// One row: the node's own rail, those that it reads, and those that pass by.
fn row(lanes: &[Option<usize>], read: &[usize], own: usize, ending: &[bool]) -> Vec<char> {
    let (first, last) =
        (read.iter().copied().min().unwrap_or(own), read.iter().copied().max().unwrap_or(own));
    let (first, last) = (first.min(own), last.max(own));
    let mut line = vec![];
    for lane in 0..lanes.len().max(own + 1) {
        let passes = lanes.get(lane).is_some_and(Option::is_some);
        let is_read = read.contains(&lane);
        let ends = ending.get(lane).copied().unwrap_or(false);
        let through = first < lane && lane < last;
        line.push(match (lane == own, is_read, passes) {
            (true, ..) => '●',
            (_, true, _) if ends && through => '┴',
            (_, true, _) if through => '┼',
            (_, true, _) if ends => {
                if lane < own {
                    '└'
                } else {
                    '┘'
                }
            }
            (_, true, _) => {
                if lane < own {
                    '├'
                } else {
                    '┤'
                }
            }
            (_, _, true) if through => '┼',
            (_, _, true) => '│',
            _ if through => '─',
            _ => ' ',
        });
        line.push(if first <= lane && lane < last { '─' } else { ' ' });
    }
    line
}

#[cfg(test)]
mod tests {
    use mmt_fusion::topology::parse;

    use super::*;

    fn drawn(text: &str) -> Vec<String> {
        rails(&parse(text).unwrap().topology).iter().map(|row| row.trim_end().to_string()).collect()
    }

    #[test]
    fn rails_lead_from_what_is_read() {
        assert_eq!(drawn("Tf(1, 2, Cat[In a, In t])"), ["●", "│ ●", "●─┘", "●"]);
        assert_eq!(drawn("Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]"), ["●", "│ ●", "├─┼─●", "●─┘ │"]);
    }
}
