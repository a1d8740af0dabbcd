//! Tokens of texts.

pub mod embedding;
pub mod file_text;
pub mod input;
pub mod kind;
pub mod trie;
pub mod vector_file;
pub mod vector_table;
pub mod vocabulary;
pub mod word2vec;
pub mod word_piece;
pub mod words;

pub use embedding::{TextEmbedding, TextEmbeddingTape};
pub use file_text::text_of;
pub use input::{SpecialIds, TextInput};
pub use vector_file::VectorFile;
pub use vector_table::VectorTable;
pub use vocabulary::Vocabulary;
pub use word_piece::{Encoding, Piece, WordPiece};
pub use words::Reading;
