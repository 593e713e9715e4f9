//! Stand-in until the function's branch is merged.
pub struct Artifact;
pub enum Arch {
    X,
}
impl Arch {
    pub fn as_str(&self) -> &'static str {
        "x86_64"
    }
}
impl Artifact {
    pub fn bundled() -> Self {
        Artifact
    }
    #[allow(dead_code)]
    pub fn check_for_aws(&self) -> Result<(), crate::error::Error> {
        Ok(())
    }
    pub fn zip(&self) -> Vec<u8> {
        {
            let mut z = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            z.start_file("bootstrap", zip::write::SimpleFileOptions::default()).ok();
            z.finish().map(|c| c.into_inner()).unwrap_or_default()
        }
    }
    pub fn sha256_base64(&self) -> String {
        String::new()
    }
    pub fn architecture(&self) -> Arch {
        Arch::X
    }
}
