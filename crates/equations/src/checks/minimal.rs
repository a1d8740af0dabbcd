//! Evidence for `eq-5-vilt-embed`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_backward, qres, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::image::Order;
use mmt_tokenizers::text::TextInput;
use mmt_tokenizers::{MinimalConfig, MinimalEmbedding, MinimalEmbeddingTape, sample_patches};
use ndarray::{Array2, Array3, s};

use crate::{Property, properties};

const CONFIG: MinimalConfig =
    MinimalConfig { words: 7, longest: 5, patch: 2, channels: 3, grid: 2, width: 4 };

fn text(ids: &[usize]) -> TextInput {
    TextInput { ids: ids.to_vec(), segments: vec![0; ids.len()], keep: vec![true; ids.len()] }
}

/// Two samples with pictures of different sizes, 2 x 2 and 3 x 1 patches.
fn example<R: Real>() -> (MinimalEmbedding<R>, Vec<TextInput>, Vec<Array3<R>>) {
    let module = shake(&MinimalEmbedding::new(&CONFIG, &mut Random::seed(3)), 4);
    let pictures = vec![qres(1, (4, 4, 3), 1.0), qres(2, (6, 2, 3), 1.0)];
    (module, vec![text(&[1, 3, 2]), text(&[6, 0])], pictures)
}

/// The formula in loops, pixel by pixel. The library that published it is the parity record `hf_vilt_model_s`.
pub fn forward() {
    let (module, texts, pictures) = example::<f64>();
    let (z, tape) = module.forward(&texts, &pictures, None).unwrap();
    assert_eq!(tape.rows.lengths().collect::<Vec<_>>(), [3 + 1 + 4, 2 + 1 + 3]);
    let (words, _) = module.text.forward(&texts).unwrap();
    assert_close(
        &z.slice(s![..3, ..]).to_owned(),
        &(&words.slice(s![..3, ..]) + &module.modality.row(0)),
        1e-15,
    );
    assert_close(
        &z.slice(s![8..10, ..]).to_owned(),
        &(&words.slice(s![3.., ..]) + &module.modality.row(0)),
        1e-15,
    );
    let class = &module.class + &module.position.row(0) + module.modality.row(1);
    assert_close(&z.row(3).to_owned(), &class, 1e-15);
    assert_close(&z.row(10).to_owned(), &class, 1e-15);
    // The grid of the first picture is that of the table. The second has one column, the first of the table, and its middle row
    // lies between the two.
    let (p, bias) = (&module.position, module.project.bias.as_ref().unwrap());
    let places = [p.row(1).to_owned(), (&p.row(1) + &p.row(3)) * 0.5, p.row(3).to_owned()];
    for patch in 0..7 {
        let (picture, k) = if patch < 4 { (&pictures[0], patch) } else { (&pictures[1], patch - 4) };
        let (r, c) = if patch < 4 { (k / 2 * 2, k % 2 * 2) } else { (2 * k, 0) };
        let place = if patch < 4 { p.row(1 + k).to_owned() } else { places[k].clone() };
        let mut row = bias + &place + module.modality.row(1);
        for (channel, a, b) in ndarray::indices((3, 2, 2)) {
            let weight = module.project.weight.row((channel * 2 + a) * 2 + b);
            row.scaled_add(picture[(r + a, c + b, channel)], &weight);
        }
        assert_close(&z.row(if patch < 4 { 4 + k } else { 11 + k }).to_owned(), &row, 1e-14);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (module, texts, pictures) = example::<Dual>();
    for kept in [None, Some(vec![vec![3, 0, 1], vec![1]])] {
        check_backward(
            &(module.clone(), pictures.clone()),
            |(module, pictures)| Ok(module.forward(&texts, pictures, kept.as_deref())?.0),
            |(module, pictures), dz| {
                let (_, tape) = module.forward(&texts, pictures, kept.as_deref()).unwrap();
                let mut grad = module.zeros_like();
                let dpictures = module.backward(&tape, dz, &mut grad);
                (grad, dpictures)
            },
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_type_of_pictures_changes_only_their_rows,
    patches_with_their_positions_may_stand_in_any_order,
    all_patches_are_no_choice,
    what_was_not_kept_has_no_gradient,
    a_sample_does_not_feel_its_neighbors,
    a_table_of_ones_adds_one_whatever_the_grid,
];

struct Drawn {
    module: MinimalEmbedding<f64>,
    texts: Vec<TextInput>,
    pictures: Vec<Array3<f64>>,
}

fn draw(random: &mut Random) -> Drawn {
    let module = shake(&MinimalEmbedding::new(&CONFIG, random), random.below(100) as u64);
    let order = [Order::Chw, Order::Hwc][random.below(2)];
    let (mut texts, mut pictures) = (vec![], vec![]);
    for i in 0..3 {
        texts.push(text(&(0..1 + random.below(5)).map(|j| (i + 2 * j) % 7).collect::<Vec<_>>()));
        let [h, w] = [0; 2].map(|_| 2 * (1 + random.below(4)));
        pictures.push(random.uniform((h, w, 3), 1.0));
    }
    Drawn { module: MinimalEmbedding { order, ..module }, texts, pictures }
}

impl Drawn {
    fn run(&self, kept: Option<&[Vec<usize>]>) -> (Array2<f64>, MinimalEmbeddingTape<f64>) {
        self.module.forward(&self.texts, &self.pictures, kept).unwrap()
    }

    fn patches(&self) -> Vec<usize> {
        self.pictures.iter().map(|picture| picture.dim().0 * picture.dim().1 / 4).collect()
    }
}

fn the_type_of_pictures_changes_only_their_rows(random: &mut Random) {
    let mut drawn = draw(random);
    let (before, tape) = drawn.run(None);
    drawn.module.modality.row_mut(1).mapv_inplace(|x| x + 1.0);
    let (after, _) = drawn.run(None);
    for (range, words) in tape.rows.ranges().zip(&tape.words) {
        for row in range.clone() {
            assert_eq!(before.row(row) == after.row(row), row < range.start + words);
        }
    }
}

fn patches_with_their_positions_may_stand_in_any_order(random: &mut Random) {
    let drawn = draw(random);
    let orders: Vec<Vec<usize>> = drawn.patches().iter().map(|&n| random.permutation(n)).collect();
    let (z, tape) = drawn.run(None);
    let (moved, _) = drawn.run(Some(&orders));
    for ((range, words), order) in tape.rows.ranges().zip(&tape.words).zip(&orders) {
        let patches = |z: &Array2<f64>| z.slice(s![range.start + words + 1..range.end, ..]).to_owned();
        assert_close(&patches(&moved), &patches(&z).select(ndarray::Axis(0), order), 1e-14);
    }
}

fn all_patches_are_no_choice(random: &mut Random) {
    let drawn = draw(random);
    let all = sample_patches(&drawn.patches(), 1000, random);
    assert_eq!(drawn.run(Some(&all)).0, drawn.run(None).0);
}

fn what_was_not_kept_has_no_gradient(random: &mut Random) {
    let drawn = draw(random);
    let kept = sample_patches(&drawn.patches(), 2, random);
    let (z, tape) = drawn.run(Some(&kept));
    let dz: Array2<f64> = random.uniform(z.dim(), 1.0);
    let dpictures = drawn.module.backward(&tape, &dz, &mut drawn.module.zeros_like());
    for ((dpicture, kept), picture) in dpictures.iter().zip(&kept).zip(&drawn.pictures) {
        assert_eq!(dpicture.dim(), picture.dim());
        let columns = picture.dim().1 / 2;
        for ((y, x, _), dpixel) in dpicture.indexed_iter() {
            assert_eq!(*dpixel == 0.0, !kept.contains(&(y / 2 * columns + x / 2)));
        }
    }
}

fn a_sample_does_not_feel_its_neighbors(random: &mut Random) {
    let drawn = draw(random);
    let (z, tape) = drawn.run(None);
    for (i, range) in tape.rows.ranges().enumerate() {
        let alone = drawn.module.forward(&drawn.texts[i..=i], &drawn.pictures[i..=i], None).unwrap().0;
        assert_eq!(z.slice(s![range, ..]), alone);
    }
}

fn a_table_of_ones_adds_one_whatever_the_grid(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.module.position.fill(0.0);
    let (without, tape) = drawn.run(None);
    drawn.module.position.fill(1.0);
    let (with, _) = drawn.run(None);
    for (range, words) in tape.rows.ranges().zip(&tape.words) {
        let rows = range.start + words..range.end;
        let difference = &with.slice(s![rows.clone(), ..]) - &without.slice(s![rows, ..]);
        assert_close(&difference, &Array2::ones(difference.dim()), 1e-13);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, texts, pictures) = example::<R>();
    let (z, tape) = module.forward(&texts, &pictures, None)?;
    let (dz, mut grad) = (ramp(4, z.dim()), module.zeros_like());
    let dpictures = module.backward(&tape, &dz, &mut grad);
    let [a, b] = [0, 1].map(|i: usize| ndarray::Array1::from(texts[i].ids.clone()));
    (cases.case("vilt.embed.two").ids("words.0", &a).ids("words.1", &b).input("images", &pictures))
        .param("", &module)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("images", &dpictures)
        .grad_param("", &grad);
    Ok(())
}
