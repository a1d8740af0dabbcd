//! `mmt tokens --image --boxes`: regions of a picture.

use std::path::Path;

use mmt_lab::tokens::RegionTokens;
use mmt_report::figures::regions::{Region, Regions, SHOWN, regions as drawing};
use serde_json::json;

use super::save;
use super::seen::{LONGEST, fitting, ink};
use crate::draw;
use crate::failure::{Code, Done};
use crate::terminal::{Align, BOLD, Precision, Terminal, paint, table};

/// Pixels of a region in a drawing, at most, along each side.
const CUT: usize = 128;

/// The boxes on a picture, and the five numbers that say where each lies.
pub fn regions(path: &Path, boxes: &Path, svg: bool, terminal: &Terminal) -> Done {
    let tokens = RegionTokens::read(path, boxes)?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    for line in outlined(&tokens) {
        terminal.line(format_args!("  {}", line.trim_end()))?;
    }
    terminal.line("")?;
    let heads = ["box", "left", "top", "right", "bottom", "area", "what"];
    let mut cells = vec![heads.map(|head| paint(BOLD, head)).to_vec()];
    for (i, (region, g)) in tokens.regions.iter().zip(tokens.geometry.rows()).enumerate() {
        let fields =
            json!({ "box": i, "corners": region.corners, "geometry": g.to_vec(), "what": region.name });
        terminal.event("region", fields)?;
        let mut row = vec![i.to_string()];
        row.extend(g.iter().map(|share| format!("{share:.4}")));
        row.push(region.name.clone());
        cells.push(row);
    }
    let align =
        [Align::Right, Align::Right, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
    table(&align, &cells).iter().try_for_each(|line| terminal.line(line))?;
    let [rows, columns] = tokens.size;
    terminal.line("")?;
    terminal.line(format_args!(
        "{rows} x {columns} pixels: {} tokens, each with the features of its region and these 5 numbers (eq-2.3-geometry)",
        tokens.regions.len()
    ))?;
    if svg {
        save("regions", &drawing(&drawn(&tokens)), terminal)?;
    }
    Ok(Code::Ok)
}

fn drawn(tokens: &RegionTokens) -> Regions {
    let some = tokens.regions.iter().zip(tokens.geometry.rows()).enumerate();
    let region = |(i, (region, g)): (usize, (&mmt_lab::tokens::Region, ndarray::ArrayView1<f64>))| Region {
        corners: region.corners,
        geometry: std::array::from_fn(|k| g[k]),
        name: region.name.clone(),
        cut: if i < SHOWN { tokens.region_png(i, CUT) } else { vec![] },
    };
    Regions { picture: tokens.small_png(LONGEST), size: tokens.size, regions: some.map(region).collect() }
}

/// The picture in ink with the boxes on it: the number of each at its upper left corner.
fn outlined(tokens: &RegionTokens) -> Vec<String> {
    let [rows, columns] = fitting(tokens.size);
    let gray = tokens.gray(rows, columns);
    let mut places: Vec<Vec<String>> = draw::picture(rows, columns, |y, x| ink(1.0 - gray[(y, x)]))
        .iter()
        .map(|line| line.chars().collect::<Vec<_>>().chunks(2).map(|pair| pair.iter().collect()).collect())
        .collect();
    for i in 0..tokens.regions.len() {
        let [[top, bottom], [left, right]] = tokens.parts(i, [rows, columns]);
        for y in [top, bottom] {
            places[y][left..=right].fill("──".to_string());
        }
        for line in &mut places[top..=bottom] {
            (line[left], line[right]) = ("│ ".to_string(), " │".to_string());
        }
        (places[top][right], places[bottom][left]) = ("─┐".to_string(), "└─".to_string());
        places[bottom][right] = "─┘".to_string();
    }
    for i in 0..tokens.regions.len() {
        let [[top, _], [left, _]] = tokens.parts(i, [rows, columns]);
        places[top][left] = format!("{:─<2}", i % 100);
    }
    places.into_iter().map(|line| line.concat()).collect()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use mmt_lab::pictures::write_png;
    use ndarray::Array3;

    use super::*;

    #[test]
    fn a_box_is_a_frame_with_its_number() {
        let folder = env::temp_dir().join(format!("mmt-frame-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (picture, boxes) = (folder.join("p.png"), folder.join("b.txt"));
        fs::write(&picture, write_png(&Array3::from_elem((36, 36, 3), 255))).unwrap();
        fs::write(&boxes, "0 0 4 3\n").unwrap();
        let tokens = RegionTokens::read(&picture, &boxes).unwrap();
        fs::remove_dir_all(folder).unwrap();
        let lines: Vec<String> = outlined(&tokens).iter().map(|line| line.trim_end().to_string()).collect();
        assert_eq!(lines[..5], ["0────────┐", "│        │", "│        │", "└────────┘", ""]);
    }
}
