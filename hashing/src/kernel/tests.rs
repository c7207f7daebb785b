//! Our own engines against the crate `argon2`, which is believed.

use proptest::prelude::*;

use super::*;
use crate::reference::Reference;

/// Every instruction set of this machine, with every width.
fn engines(cost: &Hashing) -> Vec<(String, Box<dyn Engine>)> {
    let mut engines: Vec<(String, Box<dyn Engine>)> = Vec::new();
    for width in 1..=4 {
        if let Some(isa) = Avx512::detect() {
            engines.push((format!("AVX-512 × {width}"), Box::new(Interleaved::new(isa, cost, width).expect("memory"))));
        }
        if let Some(isa) = Avx2::detect() {
            engines.push((format!("AVX2 × {width}"), Box::new(Interleaved::new(isa, cost, width).expect("memory"))));
        }
    }
    engines
}

/// The machine on which these tests say nothing has neither instruction set.
#[test]
fn this_machine_has_something_to_test() {
    let x86 = cfg!(target_arch = "x86_64");
    assert!(!x86 || Avx2::detect().is_some(), "without AVX2 the tests of this room test nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Other passwords and salts in each place, other costs, and the memory of the hash before.
    #[test]
    fn every_engine_agrees_with_the_reference(
        memory_kib in prop_oneof![8_u32..64, 64_u32..2048],
        passes in 1_u32..5,
        passwords in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 4),
        salts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 8..70), 4),
    ) {
        let cost = Hashing { memory_kib, passes, lanes: 1, threads: 1 };
        let inputs: Vec<Input<'_>> =
            passwords.iter().zip(&salts).map(|(password, salt)| Input { password, salt }).collect();
        let mut reference = Reference::new(&cost).expect("reference");
        let expected: Vec<Tag> = inputs.iter().map(|input| reference.tag(*input).expect("tag")).collect();
        for (name, mut engine) in engines(&cost) {
            // As many as fit, then fewer, then the first ones again: memory of other hashes must not shine through.
            let width = engine.width();
            for count in [width, 1, width] {
                let tags = engine.tags(&inputs[..count]).expect("tags");
                prop_assert_eq!(&tags[..], &expected[..count], "{}", name);
            }
        }
    }
}

#[test]
fn the_configured_cost_agrees_too() {
    for (memory_kib, passes) in [(19_456, 2), (65_536, 3), (19_459, 2)] {
        let cost = Hashing { memory_kib, passes, lanes: 1, threads: 1 };
        let input = Input { password: "Straße-Lampe-47".as_bytes(), salt: b"sixteen bytes..." };
        let expected = Reference::new(&cost).expect("reference").tag(input).expect("tag");
        for (name, mut engine) in engines(&cost) {
            let inputs = vec![input; engine.width()];
            assert!(engine.tags(&inputs).expect("tags").iter().all(|tag| *tag == expected), "{name} {cost:?}");
        }
    }
}

/// Vectors of the C reference's test program for Argon2id, version 0x13, one lane: passes, KiB, password, salt, tag.
#[test]
fn official_vectors() {
    const VECTORS: [(u32, u32, &str, &str, &str); 6] = [
        (2, 65_536, "password", "somesalt", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"),
        (2, 256, "password", "somesalt", "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"),
        (1, 65_536, "password", "somesalt", "f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98"),
        (4, 65_536, "password", "somesalt", "9025d48e68ef7395cca9079da4c4ec3affb3c8911fe4f86d1a2520856f63172c"),
        (
            2,
            65_536,
            "differentpassword",
            "somesalt",
            "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde",
        ),
        (2, 65_536, "password", "diffsalt", "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c"),
    ];
    for (passes, memory_kib, password, salt, expected) in VECTORS {
        let cost = Hashing { memory_kib, passes, lanes: 1, threads: 1 };
        let input = Input { password: password.as_bytes(), salt: salt.as_bytes() };
        for (name, mut engine) in engines(&cost) {
            let tags = engine.tags(&[input]).expect("tags");
            assert_eq!(keybell_shared::seal::hex(&tags[0]), expected, "{name} {cost:?} {password} {salt}");
        }
    }
}

#[test]
fn impossible_costs_are_refused() {
    let refused = |cost: Hashing| matches!(Shape::new(&cost), Err(HashError::Cost(_)));
    assert!(refused(Hashing { lanes: 2, ..Hashing::default() }));
    assert!(refused(Hashing { memory_kib: 7, ..Hashing::default() }));
    assert!(refused(Hashing { passes: 0, ..Hashing::default() }));
    if let Some(isa) = Avx2::detect() {
        let mut engine = engine(isa, &Hashing { memory_kib: 64, ..Hashing::default() }).expect("an engine");
        let too_many = vec![Input { password: b"", salt: b"somesalt" }; engine.width() + 1];
        assert!(matches!(engine.tags(&too_many), Err(HashError::Engine(_))));
    }
}
