// SPDX-License-Identifier: MIT OR Apache-2.0

//! Numbers that look random, and are the same in every run with the same seed.

/// A small generator (Knuth's MMIX constants).
pub struct Dice(u64);

impl Dice {
    /// One that begins with this seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `limit`, which is above 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// One of these, if there are any.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        match all.len() {
            0 => None,
            count => all.get(self.below(count as u64) as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let throw = |seed| {
            let mut dice = Dice::new(seed);
            [(); 20].map(|()| dice.below(6))
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        assert!(throw(7).iter().all(|&number| number < 6));
    }

    #[test]
    fn nothing_is_picked_of_nothing() {
        assert_eq!(Dice::new(1).pick::<u8>(&[]), None);
        assert_eq!(Dice::new(1).pick(&[5]), Some(&5));
    }
}
