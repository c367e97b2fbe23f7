//! Every route there is: what it answers to whom, and the headers all answers carry.
use crate::support::{Answer, Site};
use axum::http::StatusCode;
use postel_core::model::Language::En;

const STRICT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const PATHS: [&str; 9] = [
    "/",
    "/healthz",
    "/style.css",
    "/icon.svg",
    "/handset",
    "/handset.json",
    "/handset.js",
    "/invitation/TOKEN",
    "/nowhere",
];

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW",
];

fn carries_the_headers(answer: &Answer, what: &str) {
    let csp = answer.header("content-security-policy");
    for part in STRICT.split("; ") {
        assert!(csp.contains(part), "{what}: {part}");
    }
    assert!(!csp.contains("unsafe") && !csp.contains('*'), "{what}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("x-frame-options"), "DENY", "{what}");
    assert_eq!(answer.header("x-robots-tag"), "noindex", "{what}");
    assert!(!answer.header("cache-control").is_empty(), "{what}");
    assert_eq!(answer.header("set-cookie"), "", "{what}");
}

#[tokio::test]
async fn every_path_answers_every_method_with_the_headers() {
    for path in PATHS {
        for method in METHODS {
            for broken in [false, true] {
                let site = Site::new();
                let token = site.invite(En).await;
                site.store.set_broken(broken);
                let path = path.replace("TOKEN", &token);
                let answer = site.send(method, &path, "en").await;
                let what = format!("{method} {path} {broken}");
                carries_the_headers(&answer, &what);
                assert!(broken || !answer.status.is_server_error(), "{what}");
                if answer.status == StatusCode::METHOD_NOT_ALLOWED {
                    assert!(answer.header("allow").contains("GET"), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn only_what_never_changes_is_kept_by_browsers() {
    let site = Site::new();
    let token = site.invite(En).await;
    for path in PATHS {
        let path = path.replace("TOKEN", &token);
        let kept = site.get(&path).await.header("cache-control") != "no-store";
        let fixed = path.ends_with(".css") || path.ends_with(".js") || path.ends_with(".svg");
        assert_eq!(kept, fixed, "{path}");
    }
}

#[tokio::test]
async fn only_the_handset_page_may_run_our_script() {
    let site = Site::new();
    let token = site.invite(En).await;
    for path in PATHS {
        let path = path.replace("TOKEN", &token);
        let answer = site.get(&path).await;
        let csp = answer.header("content-security-policy");
        if path == "/handset" {
            assert!(csp.contains("script-src 'self'; connect-src 'self'"));
        } else {
            assert_eq!(csp, STRICT, "{path}");
        }
        assert!(!answer.body.contains("<style") && !answer.body.contains(" style="));
    }
}

#[tokio::test]
async fn what_pages_load_is_there() {
    let site = Site::new();
    let page = site.get("/handset").await.body;
    let mut loaded = 0;
    for attribute in ["href=\"", "src=\""] {
        for found in page.split(attribute).skip(1) {
            let path = found.split('"').next().unwrap();
            assert_eq!(site.get(path).await.status, StatusCode::OK, "{path}");
            loaded += 1;
        }
    }
    assert_eq!(loaded, 4);
}

#[tokio::test]
async fn wrong_turns_get_a_page_in_the_readers_language() {
    let site = Site::new();
    for (method, path, status, en, fr) in [
        ("GET", "/nowhere", 404, "does not exist", "n’existe pas"),
        ("GET", "/invitation/", 404, "does not exist", "n’existe pas"),
        ("GET", "/%FF/../x", 404, "does not exist", "n’existe pas"),
        ("PUT", "/handset", 405, "cannot be used", "ne s’utilise pas"),
    ] {
        let english = site.send(method, path, "en").await;
        assert_eq!(english.status.as_u16(), status, "{path}");
        assert!(english.body.contains(en), "{path}");
        let french = site.send(method, path, "fr-CH, en;q=0.3").await;
        assert!(french.body.contains(fr), "{path}");
        let neither = site.send(method, path, "de").await;
        assert_eq!(neither.body, english.body, "{path}");
    }
}

#[tokio::test]
async fn the_root_leads_to_the_handset() {
    let answer = Site::new().get("/").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/handset");
}

#[tokio::test]
async fn health_is_the_homes() {
    let mut site = Site::new();
    let well = site.get("/healthz").await;
    assert_eq!((well.status, well.body.as_str()), (StatusCode::OK, "ok\n"));
    site.state.health = std::sync::Arc::new(|| Err("spool"));
    let ill = site.get("/healthz").await;
    assert_eq!(
        (ill.status, ill.body.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "spool\n")
    );
}
