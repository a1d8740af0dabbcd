//! Pictures and bars made of letters.

/// A picture of ink from 0 to 16, two letters per pixel, so that pixels are about square.
pub fn picture(rows: usize, columns: usize, ink: impl Fn(usize, usize) -> u8) -> Vec<String> {
    let shade = |ink: u8| match ink {
        0..=1 => "  ",
        2..=5 => "░░",
        6..=9 => "▒▒",
        10..=13 => "▓▓",
        _ => "██",
    };
    (0..rows).map(|y| (0..columns).map(|x| shade(ink(y, x))).collect()).collect()
}

/// A picture of ink from 0 to 16, a letter for two pixels, one above the other.
pub fn small(rows: usize, columns: usize, ink: impl Fn(usize, usize) -> u8) -> Vec<String> {
    let shade =
        |y: usize, x: usize| match ink(2 * y, x) + if 2 * y + 1 < rows { ink(2 * y + 1, x) } else { 0 } {
            0..=2 => ' ',
            3..=11 => '░',
            12..=19 => '▒',
            20..=27 => '▓',
            _ => '█',
        };
    (0..rows.div_ceil(2)).map(|y| (0..columns).map(|x| shade(y, x)).collect()).collect()
}

/// Blocks of lines beside each other; below a short one there is nothing.
pub fn beside(blocks: &[Vec<String>], gap: &str) -> Vec<String> {
    let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let width = |block: &[String]| block.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = blocks.iter().map(|block| width(block)).collect();
    let line = |y: usize| {
        let cells = blocks.iter().zip(&widths);
        cells.map(move |(block, width)| format!("{:<width$}", block.get(y).map_or("", String::as_str)))
    };
    (0..height).map(|y| line(y).collect::<Vec<_>>().join(gap)).collect()
}

/// A bar of `part` of `width` letters, with eighths of a letter.
pub fn bar(part: f64, width: usize) -> String {
    let eighths = (part.clamp(0.0, 1.0) * 8.0 * width as f64).round() as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

/// A bar that ends on the right, in whole letters.
pub fn bar_to_the_left(part: f64, width: usize) -> String {
    let full = (part.clamp(0.0, 1.0) * width as f64).round() as usize;
    format!("{}{}", " ".repeat(width - full), "█".repeat(full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_the_length_of_their_part() {
        assert_eq!((bar(0.5, 4), bar(0.0, 4), bar(1.0, 3)), ("██".into(), String::new(), "███".into()));
        assert_eq!(bar(0.1875, 2), "▍");
        assert_eq!(bar_to_the_left(0.5, 4), "  ██");
    }

    #[test]
    fn small_pictures_have_half_the_rows() {
        let ink = |y: usize, x: usize| if x == 0 { 16 } else { [0, 16, 8][y] };
        assert_eq!(small(3, 2, ink), ["█▒", "▒░"]);
    }

    #[test]
    fn below_a_short_block_there_is_nothing() {
        let blocks = [vec!["ab".to_string()], vec!["c".to_string(), "d".to_string()]];
        assert_eq!(beside(&blocks, "|"), ["ab|c", "  |d"]);
    }

    #[test]
    fn pictures_stand_beside_each_other() {
        let dark = picture(2, 1, |y, _| if y == 0 { 16 } else { 0 });
        assert_eq!(beside(&[dark.clone(), dark], "|"), ["██|██", "  |  "]);
    }
}
