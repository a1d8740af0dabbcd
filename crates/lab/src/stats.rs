//! How sure a measured accuracy is.

use std::collections::BTreeMap;

use mmt_tensor::Random;

/// A 95 % interval for the part of right answers, of which `p` of `n` were seen: all parts for which that is no surprise.
///
/// Source: Wilson 1927, *Probable Inference, the Law of Succession, and Statistical Inference*. Unlike `p` give or take
/// 1.96 standard errors it has a width at 0 and at 1, and stays between them.
pub fn interval(p: f64, n: usize) -> (f64, f64) {
    let (n, z2) = (n.max(1) as f64, 1.96 * 1.96);
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// The mean.
pub fn mean(list: &[f64]) -> f64 {
    list.iter().fold(0.0, |sum, x| sum + x) / list.len().max(1) as f64
}

/// A mean with a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How often pictures and seeds are drawn again.
const DRAWS: usize = 2000;

/// The mean of `values`, one list for each seed and in it one number for each sample, and the interval that holds it in 95 % of all
/// draws of other pictures and other seeds. Of paired differences it is an interval of the difference.
///
/// `pictures`: which pictures a sample shows. Samples that share one are wrong together, so a bootstrap that draws samples is too
/// sure. Here the pictures are drawn again, and the seeds where there are several, each with replacement and on its own; a sample
/// counts as often as its seed and all its pictures were drawn, multiplied. A sample without a picture stands for itself. With one
/// picture in each sample and one seed this is the bootstrap of clusters; with several pictures in each it is rather too wide.
///
/// Of few seeds it is too sure: where they are all that differs, an interval from three of them holds the truth in three of four
/// draws, as none of their means lies outside them.
///
/// What else samples share, such as the few speakers and writers of a test, is in no interval.
///
/// Source: Owen 2007, *The Pigeonhole Bootstrap*, section 3.
pub fn bootstrap(values: &[Vec<f64>], pictures: &[Vec<usize>]) -> Estimate {
    let samples = values.first().map_or(0, Vec::len);
    let mean_of_seed = |list: &Vec<f64>| mean(list);
    let mean = mean(&values.iter().map(mean_of_seed).collect::<Vec<_>>());
    if samples == 0 {
        return Estimate { mean, low: mean, high: mean };
    }
    let (own, count) = numbered(pictures);
    let random = &mut Random::seed(1);
    let mut means: Vec<f64> = (0..DRAWS).map(|_| redrawn(values, &own, count, random)).collect();
    means.sort_by(f64::total_cmp);
    Estimate { mean, low: means[DRAWS / 40], high: means[DRAWS - 1 - DRAWS / 40] }
}

/// [`bootstrap`] of right (1) and wrong (0) answers; if all are right, or none, [`interval`] for as many samples as there are
/// different pictures.
pub fn accuracy(right: &[Vec<f64>], pictures: &[Vec<usize>]) -> Estimate {
    let estimate = bootstrap(right, pictures);
    if estimate.mean > 0.0 && estimate.mean < 1.0 {
        return estimate;
    }
    let (low, high) = interval(estimate.mean, numbered(pictures).1);
    Estimate { low, high, ..estimate }
}

/// The pictures of every sample by consecutive numbers, and how many there are.
fn numbered(pictures: &[Vec<usize>]) -> (Vec<Vec<usize>>, usize) {
    let mut known = BTreeMap::new();
    let mut count = 0;
    let mut next = || {
        count += 1;
        count - 1
    };
    let own = pictures.iter().map(|own| {
        let shown = own.iter().map(|&picture| *known.entry(picture).or_insert_with(&mut next));
        let shown: Vec<usize> = shown.collect();
        if shown.is_empty() { vec![next()] } else { shown }
    });
    let own = own.collect();
    (own, count)
}

/// The mean over seeds and samples that were drawn again.
fn redrawn(values: &[Vec<f64>], own: &[Vec<usize>], count: usize, random: &mut Random) -> f64 {
    loop {
        let (pictures, seeds) = (drawn(count, random), drawn(values.len(), random));
        let weights: Vec<f64> =
            own.iter().map(|own| own.iter().fold(1.0, |product, &i| product * pictures[i])).collect();
        let all = weights.iter().fold(0.0, |sum, w| sum + w);
        // No pair of the pictures that were drawn is shown by any sample.
        if all == 0.0 {
            continue;
        }
        let of_seed = |list: &Vec<f64>| list.iter().zip(&weights).fold(0.0, |sum, (x, w)| sum + w * x) / all;
        let all = values.iter().zip(&seeds).filter(|(_, times)| **times > 0.0);
        return all.fold(0.0, |sum, (list, times)| sum + times * of_seed(list)) / values.len() as f64;
    }
}

/// How often each of `count` is among `count` draws with replacement.
fn drawn(count: usize, random: &mut Random) -> Vec<f64> {
    let mut times = vec![0.0; count];
    (0..count).for_each(|_| times[random.below(count)] += 1.0);
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(count: usize) -> Vec<Vec<usize>> {
        vec![vec![]; count]
    }

    fn width(estimate: Estimate) -> f64 {
        estimate.high - estimate.low
    }

    #[test]
    fn both_intervals_are_that_of_the_normal_approximation_where_it_holds() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 10 != 0))).collect();
        let Estimate { mean, low, high } = bootstrap(&[values], &alone(1000));
        let half = 1.96 * (0.09f64 / 1000.0).sqrt();
        let (least, most) = interval(0.9, 1000);
        assert!((0.9 - least - half).abs() < 0.002 && (most - 0.9 - half).abs() < 0.002, "{least} {most}");
        assert!((mean - 0.9).abs() < 1e-12);
        assert!((mean - low - half).abs() < 0.002 && (high - mean - half).abs() < 0.002, "{low} {high}");
    }

    #[test]
    fn equal_values_are_sure_and_equal_answers_are_not() {
        assert_eq!(bootstrap(&[vec![0.5; 7]], &alone(7)), Estimate { mean: 0.5, low: 0.5, high: 0.5 });
        // Ten of ten: 10 / (10 + 1.96²). Twenty answers about ten pictures are no more than that.
        let (low, high) = interval(1.0, 10);
        assert!((low - 0.722).abs() < 0.001 && high == 1.0, "{low} {high}");
        assert!((interval(0.0, 10).1 - 0.278).abs() < 0.001);
        let twice: Vec<Vec<usize>> = (0..20).map(|i| vec![i / 2]).collect();
        assert_eq!(accuracy(&[vec![1.0; 20]], &twice), Estimate { mean: 1.0, low, high });
        assert_eq!(bootstrap(&[], &[]).mean, 0.0);
    }

    /// Answers to `each` questions about every one of `count` pictures; those about a picture are all right or all wrong.
    fn together(count: usize, each: usize, right: f64, random: &mut Random) -> (Vec<f64>, Vec<Vec<usize>>) {
        let pictures: Vec<f64> = (0..count).map(|_| f64::from(u8::from(random.unit() < right))).collect();
        let samples = (0..count * each).map(|i| i / each);
        (samples.clone().map(|i| pictures[i]).collect(), samples.map(|i| vec![i]).collect())
    }

    #[test]
    fn samples_of_one_picture_are_no_independent_samples() {
        let (mut naive_holds, mut holds) = (0, 0);
        let random = &mut Random::seed(2);
        for _ in 0..100 {
            let (values, pictures) = together(60, 9, 0.7, random);
            let naive = bootstrap(std::slice::from_ref(&values), &alone(540));
            let clustered = bootstrap(&[values], &pictures);
            assert!((width(clustered) / width(naive) - 3.0).abs() < 0.5, "{clustered:?} {naive:?}");
            naive_holds += usize::from((naive.low..=naive.high).contains(&0.7));
            holds += usize::from((clustered.low..=clustered.high).contains(&0.7));
        }
        // 95 of 100 are expected, and of intervals a third as wide 49.
        assert!(holds >= 89 && naive_holds <= 65, "{holds} {naive_holds}");
    }

    #[test]
    fn pictures_in_pairs_are_not_taken_for_independent_either() {
        let random = &mut Random::seed(3);
        let count = 50;
        let hard: Vec<f64> = (0..count).map(|_| random.normal_number()).collect();
        let pictures: Vec<Vec<usize>> =
            (0..2000).map(|_| vec![random.below(count), random.below(count)]).collect();
        let values: Vec<f64> = pictures.iter().map(|p| hard[p[0]] + hard[p[1]]).collect();
        let naive = bootstrap(std::slice::from_ref(&values), &alone(2000));
        let paired = bootstrap(&[values], &pictures);
        // The mean of two pictures' hardness has the standard deviation 2 / √50, and of 2000 samples √2 / √2000.
        let expected = 2.0 * 1.96 * 2.0 / (count as f64).sqrt();
        assert!((width(paired) / expected - 1.0).abs() < 0.3, "{paired:?}");
        assert!(width(naive) < 0.2 * width(paired), "{naive:?} {paired:?}");
    }

    #[test]
    fn seeds_that_differ_widen_the_interval() {
        let values = |shift: f64| (0..400).map(|i| shift + f64::from(i % 2)).collect::<Vec<f64>>();
        let same = bootstrap(&[values(0.0), values(0.0), values(0.0)], &alone(400));
        let apart = bootstrap(&[values(-0.5), values(0.0), values(0.5)], &alone(400));
        assert!((same.mean - apart.mean).abs() < 1e-12);
        assert!(width(apart) > 3.0 * width(same), "{same:?} {apart:?}");
        // One draw in 27 has nothing but the worst of three seeds: more than one in forty.
        assert!(apart.low < 0.1 && apart.high > 0.9, "{apart:?}");
    }
}
