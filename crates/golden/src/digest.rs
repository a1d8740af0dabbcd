//! Fingerprints of what a file says, whatever the order of its header.

use hmac_sha256::Hash;

use crate::file::Data;

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Hash::hash(bytes)
}

/// `sha256:` and 64 digits.
pub fn text(digest: [u8; 32]) -> String {
    digest.iter().fold("sha256:".to_string(), |text, byte| text + &format!("{byte:02x}"))
}

/// Of an array: name, type, rank, sizes and bytes, numbers as 64 bits, the lowest byte first.
pub fn of_array(name: &str, data: &Data) -> [u8; 32] {
    let mut hash = Hash::new();
    hash.update(name.as_bytes());
    hash.update([0]);
    hash.update(data.dtype().as_bytes());
    hash.update([0]);
    hash.update((data.shape().len() as u64).to_le_bytes());
    data.shape().iter().for_each(|size| hash.update((*size as u64).to_le_bytes()));
    hash.update(data.bytes());
    hash.finalize()
}

/// Of several things in any order: of their sorted digests.
pub fn of_all(digests: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut digests: Vec<[u8; 32]> = digests.into_iter().collect();
    digests.sort_unstable();
    sha256(&digests.concat())
}

/// The digest that [`text`] wrote.
pub fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The empty message and the examples of FIPS 180-2, appendix B: nothing, one block, two blocks, a million letters.
    #[test]
    fn digests_are_those_of_the_standard() {
        let digest = |bytes: &[u8]| text(sha256(bytes)).split_off("sha256:".len());
        assert_eq!(digest(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let two = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(digest(two), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        let million = [b'a'; 1_000_000];
        assert_eq!(digest(&million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }

    /// Like [`of_array`], which hands its parts over one by one.
    #[test]
    fn a_message_in_parts_has_the_digest_of_the_whole() {
        let message: Vec<u8> = (0..200).collect();
        for cut in 0..message.len() {
            let mut hash = Hash::new();
            hash.update(&message[..cut]);
            hash.update(&message[cut..]);
            assert_eq!(hash.finalize(), sha256(&message), "cut at {cut}");
        }
    }

    #[test]
    fn digests_are_read_again() {
        let abc = text(sha256(b"abc"));
        assert_eq!(parse(&abc), Some(sha256(b"abc")));
        assert_eq!(parse("sha256:ba"), None);
        assert_eq!(parse(&abc.replace("ba78", "+a78")).map(text), None);
    }

    #[test]
    fn the_order_of_parts_does_not_matter_and_every_part_does() {
        let (a, b) = (sha256(b"a"), sha256(b"b"));
        assert_eq!(of_all([a, b]), of_all([b, a]));
        assert_ne!(of_all([a, b]), of_all([a, a]));
        let one = Data::F64(ndarray::arr1(&[1.0, 2.0]).into_dyn());
        let row = Data::F64(ndarray::arr2(&[[1.0, 2.0]]).into_dyn());
        assert_ne!(of_array("x", &one), of_array("x", &row));
        assert_ne!(of_array("x", &one), of_array("y", &one));
    }
}
