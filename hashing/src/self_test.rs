//! Known answers, before anything is hashed for anybody.

use keybell_shared::config::Hashing;
use keybell_shared::seal::hex;

use crate::engine::{Engine, Input};
use crate::error::HashError;
use crate::phc::salt;
use crate::reference::Reference;

/// Makes an engine for a cost.
pub(crate) type Make = dyn Fn(&Hashing) -> Result<Box<dyn Engine>, HashError>;

/// Argon2id's known answers for `password` and `somesalt`, from the tests of its C reference: KiB, passes, lanes, tag.
const KNOWN: [(u32, u32, u32, &str); 2] = [
    (256, 2, 1, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"),
    (256, 2, 2, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"),
];

/// Refuses to start when an engine gives a wrong known answer, or when the reference disagrees about a fresh hash of the
/// configured cost, in any of the places in which the engine computes side by side.
pub(crate) fn self_test(cost: &Hashing, make: &Make) -> Result<(), HashError> {
    for (memory_kib, passes, lanes, expected) in KNOWN {
        let known = Hashing { memory_kib, passes, lanes, threads: 1 };
        let input = Input { password: b"password", salt: b"somesalt" };
        if hex(&Reference::new(&known)?.tag(input)?) != expected {
            return Err(HashError::SelfTest("the reference engine gives a wrong known answer".to_owned()));
        }
        if lanes != cost.lanes {
            continue;
        }
        let mut fast = make(&known)?;
        let inputs = vec![input; fast.width()];
        if fast.tags(&inputs)?.iter().any(|tag| hex(tag) != expected) {
            return Err(HashError::SelfTest("the fast engine gives a wrong known answer".to_owned()));
        }
    }
    let mut fast = make(cost)?;
    let salts = (0..fast.width()).map(|_| salt()).collect::<Result<Vec<_>, _>>()?;
    let inputs: Vec<Input<'_>> = salts.iter().map(|salt| Input { password: b"Otter-lamp-47", salt }).collect();
    let tags = fast.tags(&inputs)?;
    let mut reference = Reference::new(cost)?;
    for (input, tag) in inputs.iter().zip(&tags) {
        if reference.tag_in(*input, fast.lend())? != *tag {
            return Err(HashError::SelfTest("the engines disagree about a fresh hash".to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, available};
    use crate::engine::Tag;

    #[test]
    fn every_engine_of_this_machine_passes() {
        for backend in available() {
            assert_eq!(self_test(&Hashing::default(), &move |cost| backend.engine(cost)), Ok(()), "{backend}");
        }
        let lanes = Hashing { lanes: 2, memory_kib: 1024, ..Hashing::default() };
        assert_eq!(self_test(&lanes, &|cost| Backend::Library.engine(cost)), Ok(()));
    }

    #[test]
    fn a_liar_is_found_in_any_of_its_places() {
        struct Liar(Box<dyn Engine>, usize);
        impl Engine for Liar {
            fn width(&self) -> usize {
                self.0.width()
            }
            fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError> {
                let mut tags = self.0.tags(inputs)?;
                // Right for the known answers, wrong for everything else.
                tags[self.1][7] ^= u8::from(inputs[0].password != b"password");
                Ok(tags)
            }
        }
        let cost = Hashing { memory_kib: 256, ..Hashing::default() };
        let backend = Backend::fastest(&cost);
        for place in 0..backend.engine(&cost).expect("an engine").width() {
            let refused = self_test(&cost, &move |cost| Ok(Box::new(Liar(backend.engine(cost)?, place))));
            assert!(matches!(refused, Err(HashError::SelfTest(_))), "{refused:?}");
        }
    }
}
