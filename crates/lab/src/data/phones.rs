//! The sounds of which the ten number words are made.

/// A sound: what the mouth resonates at while the voice is on, and what hisses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phone {
    /// Three resonances in hertz, from low to high.
    pub resonances: [f64; 3],
    /// How loud the voice is: 0 to 1.
    pub voice: f64,
    /// How loud the hiss is: 0 to 1.
    pub hiss: f64,
    /// Where the hiss is, in hertz.
    pub center: f64,
}

const fn voiced(resonances: [f64; 3], voice: f64) -> Phone {
    Phone { resonances, voice, hiss: 0.0, center: 3000.0 }
}

const fn hissing(resonances: [f64; 3], voice: f64, hiss: f64, center: f64) -> Phone {
    Phone { resonances, voice, hiss, center }
}

// Vowels: the means of men in Peterson & Barney 1952, "Control methods used in a study of the vowels", table II.
const IY: Phone = voiced([270.0, 2290.0, 3010.0], 1.0);
const IH: Phone = voiced([390.0, 1990.0, 2550.0], 1.0);
const EH: Phone = voiced([530.0, 1840.0, 2480.0], 1.0);
const AH: Phone = voiced([640.0, 1190.0, 2390.0], 1.0);
const AA: Phone = voiced([730.0, 1090.0, 2440.0], 1.0);
const AO: Phone = voiced([570.0, 840.0, 2410.0], 1.0);
const UH: Phone = voiced([440.0, 1020.0, 2240.0], 1.0);
const UW: Phone = voiced([300.0, 870.0, 2240.0], 1.0);

// Consonants: rough values, chosen for this data set.
const R: Phone = voiced([330.0, 1060.0, 1380.0], 0.8);
const W: Phone = voiced([300.0, 610.0, 2200.0], 0.7);
const N: Phone = voiced([250.0, 1450.0, 2300.0], 0.5);
const V: Phone = hissing([280.0, 1100.0, 2200.0], 0.4, 0.2, 3000.0);
const Z: Phone = hissing([280.0, 1700.0, 2500.0], 0.3, 0.6, 3600.0);
const S: Phone = hissing([280.0, 1700.0, 2500.0], 0.0, 0.9, 3700.0);
const F: Phone = hissing([280.0, 1100.0, 2200.0], 0.0, 0.35, 3000.0);
const TH: Phone = hissing([280.0, 1400.0, 2500.0], 0.0, 0.3, 3400.0);
const T: Phone = hissing([350.0, 1800.0, 2600.0], 0.0, 0.6, 3300.0);
const K: Phone = hissing([350.0, 1900.0, 2400.0], 0.0, 0.4, 2000.0);

/// The sounds of a number word, in order.
///
/// # Panics
/// If `word` is not below 10.
pub fn sounds(word: usize) -> &'static [Phone] {
    const WORDS: [&[Phone]; 10] = [
        &[Z, IH, R, AO, UW],
        &[W, AH, AH, N],
        &[T, UW, UW],
        &[TH, R, IY, IY],
        &[F, AO, AO, R],
        &[F, AA, IH, V],
        &[S, IH, K, S],
        &[S, EH, V, UH, N],
        &[EH, IY, IY, T],
        &[N, AA, IH, N],
    ];
    WORDS[word]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resonances_rise_and_strengths_are_shares() {
        for phone in (0..10).flat_map(sounds) {
            assert!(phone.resonances.is_sorted() && phone.resonances[2] < 4000.0);
            assert!((0.0..=1.0).contains(&phone.voice) && (0.0..=1.0).contains(&phone.hiss));
        }
    }

    #[test]
    fn no_two_words_sound_alike() {
        for (a, b) in (0..10).flat_map(|a| (0..a).map(move |b| (a, b))) {
            assert_ne!(sounds(a), sounds(b));
        }
    }
}
