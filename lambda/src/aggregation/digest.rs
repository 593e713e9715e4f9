//! MD5 of several messages at once.
//!
//! A step of MD5 needs the result of the step before it, so that one message leaves a core half idle. Here each message
//! is a lane of the vector registers: four of them take little more time than one.

use md5::{Digest as _, Md5};

use super::DIGEST_BYTES;

/// Messages that are hashed at once.
const LANES: usize = 4;
/// Bytes of a block.
const BLOCK: usize = 64;
/// The state at the beginning (RFC 1321, 3.3).
const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// The constants of the steps (RFC 1321, 3.4).
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// A 32-bit number of each lane.
type Word = [u32; LANES];
/// An MD5.
type Digest = [u8; DIGEST_BYTES];

/// Returns the MD5 of each message.
pub(super) fn digests(messages: &[&[u8]]) -> Vec<Digest> {
    let mut all = Vec::with_capacity(messages.len());
    for some in messages.chunks(LANES) {
        match some {
            [message] => all.push(Md5::digest(message).into()),
            _ => all.extend_from_slice(&digests_of_lanes(some)[..some.len()]),
        }
    }
    all
}

fn digests_of_lanes(messages: &[&[u8]]) -> [Digest; LANES] {
    let lanes: [_; LANES] = std::array::from_fn(|at| messages.get(at).map_or(Lane::NONE, |message| Lane::new(message)));
    let mut digests = [[0; DIGEST_BYTES]; LANES];
    let mut state = INITIAL.map(|word| [word; LANES]);
    for number in 0..lanes.iter().map(|lane| lane.blocks).max().unwrap_or_default() {
        let mut words = [[0; LANES]; 16];
        for (at, lane) in lanes.iter().enumerate() {
            for (word, bytes) in words.iter_mut().zip(lane.block(number).as_chunks::<4>().0) {
                word[at] = u32::from_le_bytes(*bytes);
            }
        }
        compress(&mut state, &words);
        for at in (0..LANES).filter(|at| lanes[*at].blocks == number + 1) {
            for (bytes, word) in digests[at].as_chunks_mut::<4>().0.iter_mut().zip(&state) {
                *bytes = word[at].to_le_bytes();
            }
        }
    }
    digests
}

/// A message and its padding.
#[derive(Clone, Copy)]
struct Lane<'a> {
    whole: &'a [[u8; BLOCK]],
    padded: [[u8; BLOCK]; 2],
    blocks: usize,
}

impl<'a> Lane<'a> {
    /// A lane without a message.
    const NONE: Self = Lane { whole: &[], padded: [[0; BLOCK]; 2], blocks: 0 };

    fn new(message: &'a [u8]) -> Self {
        let (whole, rest) = message.as_chunks::<BLOCK>();
        let mut padded = [[0; BLOCK]; 2];
        padded[0][..rest.len()].copy_from_slice(rest);
        padded[0][rest.len()] = 0x80;
        let last = usize::from(rest.len() + 1 + 8 > BLOCK);
        let bits = (message.len() as u64).wrapping_mul(8);
        padded[last][BLOCK - 8..].copy_from_slice(&bits.to_le_bytes());
        Lane { whole, padded, blocks: whole.len() + last + 1 }
    }

    /// Returns a block. A lane that is at its end repeats its last one while the others go on.
    fn block(&self, number: usize) -> &[u8; BLOCK] {
        self.whole.get(number).unwrap_or_else(|| &self.padded[(number - self.whole.len()).min(1)])
    }
}

/// Adds a block of each lane to the state. The loop over the lanes is the outer one, around code without branches and
/// loops: so the compiler makes vector instructions of it.
fn compress(state: &mut [Word; 4], words: &[Word; 16]) {
    for lane in 0..LANES {
        let [mut a, mut b, mut c, mut d] = [state[0][lane], state[1][lane], state[2][lane], state[3][lane]];
        macro_rules! step {
            ($mix:ident, $word:expr, $sine:expr, $shift:expr) => {
                let sum =
                    a.wrapping_add($mix(b, c, d)).wrapping_add(words[$word % 16][lane]).wrapping_add(SINES[$sine]);
                (a, b, c, d) = (d, sum.rotate_left($shift).wrapping_add(b), b, c);
            };
        }
        macro_rules! round {
            ($mix:ident, $sine:literal, $first:literal + $stride:literal, $shifts:expr, $($four:literal)*) => {
                $(
                    step!($mix, $first + $stride * $four, $sine + $four, $shifts[0]);
                    step!($mix, $first + $stride * ($four + 1), $sine + $four + 1, $shifts[1]);
                    step!($mix, $first + $stride * ($four + 2), $sine + $four + 2, $shifts[2]);
                    step!($mix, $first + $stride * ($four + 3), $sine + $four + 3, $shifts[3]);
                )*
            };
        }
        round!(mix_1, 0, 0 + 1, [7, 12, 17, 22], 0 4 8 12);
        round!(mix_2, 16, 1 + 5, [5, 9, 14, 20], 0 4 8 12);
        round!(mix_3, 32, 5 + 3, [4, 11, 16, 23], 0 4 8 12);
        round!(mix_4, 48, 0 + 7, [6, 10, 15, 21], 0 4 8 12);
        for (word, sum) in state.iter_mut().zip([a, b, c, d]) {
            word[lane] = word[lane].wrapping_add(sum);
        }
    }
}

fn mix_1(x: u32, y: u32, z: u32) -> u32 {
    z ^ (x & (y ^ z))
}

fn mix_2(x: u32, y: u32, z: u32) -> u32 {
    y ^ (z & (x ^ y))
}

fn mix_3(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

fn mix_4(x: u32, y: u32, z: u32) -> u32 {
    y ^ (x | !z)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digests_equal_those_of_one_message_at_a_time(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..10),
        ) {
            let expected: Vec<Digest> = messages.iter().map(|message| Md5::digest(message).into()).collect();
            prop_assert_eq!(digests(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>()), expected);
        }
    }

    #[test]
    fn digests_of_every_length_around_a_block_are_padded_alike() {
        let messages: Vec<_> = (0..260).map(|length| vec![b'x'; length]).collect();
        let expected: Vec<Digest> = messages.iter().map(|message| Md5::digest(message).into()).collect();
        assert_eq!(digests(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>()), expected);
    }
}
