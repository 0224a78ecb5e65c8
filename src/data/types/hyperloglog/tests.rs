use super::*;
use proptest::prelude::*;

const SPARSE_MAX: usize = 3000;

fn sparse_of(registers: &[u8]) -> Vec<u8> {
    [&new()[..HEADER], registers].concat()
}

#[test]
fn an_empty_one_is_what_redis_writes() {
    assert_eq!(new(), b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    assert_eq!((encoding(&new()), count(&new()), cached_count(&new())), (Some(Encoding::Sparse), Ok(0), Some(0)));
}

#[test]
fn what_does_not_look_like_one_is_none() {
    for bytes in [&b""[..], b"HYLL", b"HYLX\x01\0\0\0\0\0\0\0\0\0\0\0", b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"] {
        assert_eq!(encoding(bytes), None);
    }
    assert_eq!(encoding(b"HYLL\0\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"), None); // dense, but short
}

/// CVE-2025-32023 and its like: runs that cover more, or less, than there is; a run that is cut off.
#[test]
fn corrupt_runs_are_an_error_and_touch_nothing() {
    let overlong = [0x7F, 0xFF].repeat(140_000);
    for registers in [&b""[..], &[0x7F], &[0x40], &[0x7F, 0xFE], &[0x7F, 0xFF, 0x80], &[0x80; 5000], &overlong] {
        let mut bytes = sparse_of(registers);
        assert_eq!(count(&bytes), Err(Corrupt));
        let mut most = [0; REGISTERS];
        assert_eq!(merge_into(&mut most, &bytes), Err(Corrupt));
        assert!(most.iter().all(|most| *most == 0));
        assert_eq!(make_dense(&mut bytes), Err(Corrupt));
        assert_eq!(bytes, sparse_of(registers));
        let _ = add(&mut bytes, b"element", SPARSE_MAX);
    }
    assert_eq!(add(&mut sparse_of(b""), b"element", SPARSE_MAX), Err(Corrupt));
}

#[test]
fn counts_are_near_the_truth_and_the_same_in_both_encodings() {
    let (mut one, mut wide) = (new(), new());
    make_dense(&mut wide).unwrap();
    let mut next = 1;
    for number in 1..=100_000u64 {
        add(&mut one, &number.to_le_bytes(), SPARSE_MAX).unwrap();
        add_dense(&mut wide, &number.to_le_bytes());
        if number == next {
            let counted = count(&one).unwrap();
            assert_eq!(counted, count(&wide).unwrap());
            assert!(counted.abs_diff(number) as f64 <= (number as f64 * 0.05).ceil(), "{counted} of {number}");
            next *= 10;
        }
    }
    assert_eq!(encoding(&one), Some(Encoding::Dense));
}

proptest! {
    #[test]
    fn sparse_registers_are_what_dense_ones_are(
        raised in prop::collection::vec((0..300usize, 1..34u8), 0..200),
        far in prop::collection::vec((0..REGISTERS, 1..20u8), 0..50),
    ) {
        let (mut bytes, mut expected) = (new(), [0; REGISTERS]);
        for (index, value) in raised.into_iter().chain(far) {
            let changed = raise(&mut bytes, index, value, SPARSE_MAX).unwrap();
            prop_assert_eq!(changed, value > expected[index]);
            expected[index] = expected[index].max(value);
        }
        prop_assert!(encoding(&bytes).is_some());
        prop_assert_eq!(count(&bytes), Ok(count_registers(&expected)));
        let mut merged = [0; REGISTERS];
        merge_into(&mut merged, &bytes).unwrap();
        prop_assert!(merged == expected);
        make_dense(&mut bytes).unwrap();
        prop_assert!((0..REGISTERS).all(|index| dense::get(registers(&bytes), index) == expected[index]));
    }

    #[test]
    fn no_bytes_make_it_panic(registers: Vec<u8>, element: Vec<u8>) {
        let bytes = sparse_of(&registers);
        let _ = count(&bytes);
        let _ = merge_into(&mut [0; REGISTERS], &bytes);
        let _ = make_dense(&mut bytes.clone());
        let _ = add(&mut bytes.clone(), &element, SPARSE_MAX);
        let _ = add(&mut bytes.clone(), &element, 0);
    }
}
