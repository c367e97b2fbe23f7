//! What people and machines really send, by language and mail program: what must be kept, and that nothing else is.
//!
//! Long because it is one table: a row for each shape, to be read beside its neighbours.

use std::time::{Duration, Instant};

use postel_mail::cut::{Cut, CutKind, CutOptions, cut};

fn kept(text: &str) -> String {
    cut(text, &CutOptions::default()).kept
}

/// Each history, put under (and after a blank line) a typed text, is cut as a quote, and nothing else is.
fn assert_histories_cut(histories: &[(&str, &str)]) {
    for (name, history) in histories {
        for gap in ["\n", "\n\n"] {
            let typed = "Bonjour, je serai là à 18h30.\nMerci ! 👍";
            let text = format!("{typed}{gap}{history}");
            let cutting = cut(&text, &CutOptions::default());
            assert_eq!(cutting.kept, typed, "{name}");
            assert!(
                cutting.cut.iter().all(|cut| cut.kind == CutKind::Quote),
                "{name}: {cutting:?}"
            );
            let cut: Vec<&str> = cutting.cut.iter().map(|cut| cut.text.as_str()).collect();
            assert_eq!(
                cut.join("\n").split_whitespace().collect::<String>(),
                history.split_whitespace().collect::<String>(),
                "{name}"
            );
        }
    }
}

#[test]
fn attributions_with_a_quote_below() {
    assert_histories_cut(&[
        (
            "gmail en",
            "On Tue, Mar 4, 2025 at 9:12 AM Anna Bell <anna@example.com> wrote:\n\n> Are you coming?\n",
        ),
        (
            "gmail en wrapped",
            "On Tue, Mar 4, 2025 at 9:12 AM Anna Maria Isabella Bell <\nanna.bell@example.com> wrote:\n\n> Are you coming?\n",
        ),
        (
            "gmail fr",
            "Le mar. 4 mars 2025 à 09:12, Anna Bell <anna@example.com> a écrit :\n\n> Tu viens ?\n",
        ),
        (
            "gmail fr wrapped, nbsp",
            "Le mar. 4 mars 2025 à 09:12, Anna Bell <anna@example.com> a\nécrit\u{a0}:\n\n> Tu viens ?\n",
        ),
        (
            "gmail de",
            "Am Di., 4. März 2025 um 09:12 Uhr schrieb Anna Bell <anna@example.com>:\n\n> Kommst du?\n",
        ),
        (
            "gmail es",
            "El mar, 4 mar 2025 a las 9:12, Anna Bell (<anna@example.com>) escribió:\n\n> ¿Vienes?\n",
        ),
        (
            "gmail it",
            "Il giorno mar 4 mar 2025 alle ore 09:12 Anna Bell <anna@example.com> ha scritto:\n\n> Vieni?\n",
        ),
        (
            "gmail it wrapped",
            "Il giorno mar 4 mar 2025 alle ore 09:12 Anna Bell <anna@example.com>\nha scritto:\n\n> Vieni?\n",
        ),
        (
            "gmail nl",
            "Op di 4 mrt 2025 om 09:12 schreef Anna Bell <anna@example.com>:\n\n> Kom je?\n",
        ),
        (
            "gmail pt",
            "Em ter., 4 de mar. de 2025 às 09:12, Anna Bell <anna@example.com>\nescreveu:\n\n> Você vem?\n",
        ),
        (
            "gmail pt-PT",
            "Anna Bell <anna@example.com> escreveu (terça, 4/03/2025 à(s) 09:12):\n\n> Vens?\n",
        ),
        (
            "gmail da",
            "Den tirs. 4. mar. 2025 kl. 09.12 skrev Anna Bell <anna@example.com>:\n\n> Kommer du?\n",
        ),
        (
            "gmail no",
            "tir. 4. mar. 2025 kl. 09:12 skrev Anna Bell <anna@example.com>:\n\n> Kommer du?\n",
        ),
        (
            "gmail sv",
            "Den tis 4 mars 2025 kl 09:12 skrev Anna Bell <anna@example.com>:\n\n> Kommer du?\n",
        ),
        (
            "gmail fi",
            "ti 4. maalisk. 2025 klo 9.12 Anna Bell (anna@example.com) kirjoitti:\n\n> Tuletko?\n",
        ),
        (
            "gmail pl",
            "wt., 4 mar 2025 o 09:12 Anna Bell <anna@example.com> napisał(a):\n\n> Przyjdziesz?\n",
        ),
        (
            "gmail cs",
            "út 4. 3. 2025 v 9:12 odesílatel Anna Bell <anna@example.com> napsal:\n\n> Přijdeš?\n",
        ),
        (
            "gmail sk",
            "ut 4. 3. 2025 o 9:12 Anna Bell <anna@example.com> napísal(a):\n\n> Prídeš?\n",
        ),
        (
            "gmail hu",
            "Anna Bell <anna@example.com> ezt írta (időpont: 2025. márc. 4., K,\n9:12):\n\n> Jössz?\n",
        ),
        (
            "gmail ro",
            "În mar., 4 mar. 2025 la 09:12, Anna Bell <anna@example.com> a scris:\n\n> Vii?\n",
        ),
        (
            "gmail ru",
            "вт, 4 мар. 2025 г. в 09:12, Anna Bell <anna@example.com>:\n\n> Придёшь?\n",
        ),
        (
            "gmail uk",
            "вт, 4 бер. 2025 р. о 09:12 Anna Bell <anna@example.com> пише:\n\n> Прийдеш?\n",
        ),
        (
            "gmail tr",
            "Anna Bell <anna@example.com>, 4 Mar 2025 Sal, 09:12 tarihinde şunu yazdı:\n\n> Geliyor musun?\n",
        ),
        (
            "gmail el",
            "Στις Τρί 4 Μαρ 2025 στις 9:12 π.μ., ο χρήστης Anna Bell <\nanna@example.com> έγραψε:\n\n> Θα έρθεις;\n",
        ),
        (
            "gmail ja",
            "2025年3月4日(火) 9:12 Anna Bell <anna@example.com>:\n\n> 来ますか\n",
        ),
        (
            "gmail zh",
            "Anna Bell <anna@example.com> 于2025年3月4日周二 09:12写道：\n\n> 你来吗\n",
        ),
        (
            "gmail ko",
            "2025년 3월 4일 (화) 오전 9:12, Anna Bell <anna@example.com>님이 작성:\n\n> 와?\n",
        ),
        (
            "apple en",
            "> On 4 Mar 2025, at 09:12, Anna Bell <anna@example.com> wrote:\n> \n> Are you coming?\n",
        ),
        (
            "apple fr",
            "> Le 4 mars 2025 à 09:12, Anna Bell <anna@example.com> a écrit :\n> \n> Tu viens ?\n",
        ),
        (
            "apple de",
            "> Am 04.03.2025 um 09:12 schrieb Anna Bell <anna@example.com>:\n> \n> Kommst du?\n",
        ),
        (
            "apple nl",
            "> Op 4 mrt. 2025 om 09:12 heeft Anna Bell <anna@example.com> het volgende geschreven:\n> \n> Kom je?\n",
        ),
        (
            "iphone es",
            "> El 4 mar 2025, a las 9:12, Anna Bell <anna@example.com> escribió:\n> \n> ¿Vienes?\n",
        ),
        (
            "iphone it",
            "> Il giorno 4 mar 2025, alle ore 09:12, Anna Bell <anna@example.com> ha scritto:\n> \n> Vieni?\n",
        ),
        (
            "iphone pt",
            "> Em 4 de mar. de 2025, à(s) 09:12, Anna Bell <anna@example.com> escreveu:\n> \n> Vens?\n",
        ),
        (
            "thunderbird en",
            "On 04/03/2025 09:12, Anna Bell wrote:\n> Are you coming?\n",
        ),
        (
            "thunderbird fr",
            "Le 04/03/2025 à 09:12, Anna Bell a écrit :\n> Tu viens ?\n",
        ),
        (
            "thunderbird de",
            "Am 04.03.25 um 09:12 schrieb Anna Bell:\n> Kommst du?\n",
        ),
        (
            "thunderbird es",
            "El 4/3/25 a las 9:12, Anna Bell escribió:\n> ¿Vienes?\n",
        ),
        (
            "thunderbird it",
            "Il 04/03/25 09:12, Anna Bell ha scritto:\n> Vieni?\n",
        ),
        (
            "thunderbird nl",
            "Op 4-3-2025 om 09:12 schreef Anna Bell:\n> Kom je?\n",
        ),
        (
            "thunderbird pt",
            "Em 04/03/2025 09:12, Anna Bell escreveu:\n> Vens?\n",
        ),
        (
            "thunderbird pl",
            "W dniu 4.03.2025 o 09:12, Anna Bell pisze:\n> Przyjdziesz?\n",
        ),
        (
            "k-9",
            "Anna Bell <anna@example.com> wrote:\n>Are you coming?\n",
        ),
        (
            "no quote marks at all",
            "Le mar. 4 mars 2025 à 09:12, Anna Bell <anna@example.com> a écrit :\n\nTu viens ?\n",
        ),
    ]);
}

#[test]
fn header_blocks() {
    assert_histories_cut(&[
        (
            "outlook en",
            "From: Anna Bell <anna@example.com>\nSent: Tuesday, March 4, 2025 9:12 AM\nTo: Bob <bob@example.com>\nSubject: Tonight\n\nAre you coming?\n",
        ),
        (
            "outlook web en",
            "________________________________\nFrom: Anna Bell <anna@example.com>\nSent: Tuesday, March 4, 2025 9:12:00 AM\nTo: Bob <bob@example.com>\nSubject: Tonight\n\nAre you coming?\n",
        ),
        (
            "outlook fr",
            "De : Anna Bell <anna@example.com>\nEnvoyé : mardi 4 mars 2025 09:12\nÀ : Bob <bob@example.com>\nObjet : Ce soir\n\nTu viens ?\n",
        ),
        (
            "outlook fr bold",
            "*De :* Anna Bell <anna@example.com>\n*Envoyé :* mardi 4 mars 2025 09:12\n*À :* Bob <bob@example.com>\n*Objet :* Ce soir\n\nTu viens ?\n",
        ),
        (
            "outlook fr, recipients wrapped",
            "De : Anna Bell [mailto:anna@example.com]\nEnvoyé : mardi 4 mars 2025 09:12\nÀ : Bob <bob@example.com>; Carla\n<carla@example.com>; Dan\nCc : Eve\nObjet : Ce soir\n\nTu viens ?\n",
        ),
        (
            "outlook fr, no addresses",
            "De : Anna Bell\nEnvoyé : mardi 4 mars 2025 09:12\nÀ : Bob\nObjet : Ce soir\n\nTu viens ?\n",
        ),
        (
            "outlook de",
            "Von: Anna Bell <anna@example.com>\nGesendet: Dienstag, 4. März 2025 09:12\nAn: Bob <bob@example.com>\nBetreff: Heute\n\nKommst du?\n",
        ),
        (
            "outlook de, original divider",
            "-----Ursprüngliche Nachricht-----\nVon: Anna Bell\nGesendet: Dienstag, 4. März 2025 09:12\nAn: Bob\nBetreff: Heute\n\nKommst du?\n",
        ),
        (
            "outlook es",
            "De: Anna Bell <anna@example.com>\nEnviado el: martes, 4 de marzo de 2025 9:12\nPara: Bob <bob@example.com>\nAsunto: Hoy\n\n¿Vienes?\n",
        ),
        (
            "outlook it",
            "Da: Anna Bell <anna@example.com>\nInviato: martedì 4 marzo 2025 09:12\nA: Bob <bob@example.com>\nOggetto: Stasera\n\nVieni?\n",
        ),
        (
            "outlook nl",
            "Van: Anna Bell <anna@example.com>\nVerzonden: dinsdag 4 maart 2025 09:12\nAan: Bob <bob@example.com>\nOnderwerp: Vanavond\n\nKom je?\n",
        ),
        (
            "outlook pt",
            "De: Anna Bell <anna@example.com>\nEnviado: terça-feira, 4 de março de 2025 09:12\nPara: Bob <bob@example.com>\nAssunto: Hoje\n\nVens?\n",
        ),
        (
            "outlook sv",
            "Från: Anna Bell <anna@example.com>\nSkickat: den 4 mars 2025 09:12\nTill: Bob\nÄmne: Ikväll\n\nKommer du?\n",
        ),
        (
            "outlook fi",
            "Lähettäjä: Anna Bell <anna@example.com>\nLähetetty: tiistai 4. maaliskuuta 2025 9.12\nVastaanottaja: Bob\nAihe: Tänään\n\nTuletko?\n",
        ),
        (
            "outlook pl",
            "From: Anna Bell <anna@example.com>\nSent: wtorek, 4 marca 2025 09:12\nTo: Bob\nSubject: Dziś\n\nPrzyjdziesz?\n",
        ),
        (
            "subject first",
            "Objet : Ce soir\nDate : 04/03/2025 09:12\nDe : Anna Bell <anna@example.com>\nÀ : Bob <bob@example.com>\n\nTu viens ?\n",
        ),
        (
            "lotus, any order",
            "To: Bob <bob@example.com>\nFrom: Anna Bell <anna@example.com>\nDate: 04/03/2025 09:12\nSubject: Tonight\n\nAre you coming?\n",
        ),
        (
            "samsung fr",
            "-------- Message d'origine --------\nDe : Anna Bell <anna@example.com> \nDate : 04/03/2025 09:12 (GMT+01:00) \nÀ : bob@example.com \nObjet : Ce soir \n\nTu viens ?\n",
        ),
        (
            "yahoo",
            "----- Mail original -----\nDe: \"Anna Bell\" <anna@example.com>\nÀ: \"Bob\" <bob@example.com>\nEnvoyé: Mardi 4 Mars 2025 09:12:00\nObjet: Ce soir\n\nTu viens ?\n",
        ),
        (
            "original message alone",
            "-----Original Message-----\n\nAre you coming?\n",
        ),
        ("android", "---- Anna Bell a écrit ----\n\nTu viens ?\n"),
        (
            "zoho",
            "---- On Tue, 04 Mar 2025 09:12:00 +0100 Anna Bell <anna@example.com> wrote ----\n\nAre you coming?\n",
        ),
        (
            "help desk",
            "##- Please type your reply above this line -##\n\nYour request has been updated.\n",
        ),
    ]);
}

#[test]
fn attributions_in_more_languages_and_programs() {
    assert_histories_cut(&[
        (
            "proton2",
            "On Tuesday, March 4th, 2025 at 9:12 AM, Anna Bell anna@example.com wrote:\n\n> Are you coming?",
        ),
        (
            "proton fr",
            "Le mardi 4 mars 2025 à 09:12, Anna Bell <anna@example.com> a écrit :\n\n> Tu viens ?",
        ),
        (
            "yahoo new",
            "On Tuesday, March 4, 2025 at 09:12:33 AM GMT+1, Anna Bell <anna@example.com> wrote: \n\n\nAre you coming?",
        ),
        (
            "yahoo fr",
            "Le mardi 4 mars 2025 à 09:12:33 UTC+1, Anna Bell <anna@example.com> a écrit : \n\nTu viens ?",
        ),
        (
            "yahoo de",
            "Am Dienstag, 4. März 2025 um 09:12:33 MEZ hat Anna Bell <anna@example.com> Folgendes geschrieben: \n\nKommst du?",
        ),
        (
            "yahoo es",
            "En martes, 4 de marzo de 2025, 09:12:33 CET, Anna Bell <anna@example.com> escribió: \n\n¿Vienes?",
        ),
        (
            "yahoo it",
            "Il martedì 4 marzo 2025 alle ore 09:12:33 CET, Anna Bell <anna@example.com> ha scritto: \n\nVieni?",
        ),
        (
            "yahoo pt",
            "Em terça-feira, 4 de março de 2025 09:12:33 BRT, Anna Bell <anna@example.com> escreveu: \n\nVem?",
        ),
        (
            "gmail mobile old",
            "Le 4 mars 2025 09:12, \"Anna Bell\" <anna@example.com> a écrit :\n\n> Tu viens ?",
        ),
        (
            "gmail de mobile",
            "Anna Bell <anna@example.com> schrieb am Di., 4. März 2025, 09:12:\n\n> Kommst du?",
        ),
        (
            "gmail de no quote",
            "Anna Bell <anna@example.com> schrieb am Di., 4. März 2025, 09:12:\n\nKommst du?",
        ),
        (
            "apple mail no",
            "> 4. mars 2025 kl. 09:12 skrev Anna Bell <anna@example.com>:\n> \n> Kommer du?",
        ),
        (
            "apple sv",
            "> 4 mars 2025 kl. 09:12 skrev Anna Bell <anna@example.com>:\n> \n> Kommer du?",
        ),
        (
            "apple da",
            "> Den 4. mar. 2025 kl. 09.12 skrev Anna Bell <anna@example.com>:\n> \n> Kommer du?",
        ),
        (
            "apple fi",
            "> Anna Bell <anna@example.com> kirjoitti 4.3.2025 kello 9.12:\n> \n> Tuletko?",
        ),
        (
            "apple pl",
            "> Wiadomość napisana przez Anna Bell <anna@example.com> w dniu 4 mar 2025, o godz. 09:12:\n> \n> Przyjdziesz?",
        ),
        (
            "apple pl unq",
            "Wiadomość napisana przez Anna Bell <anna@example.com> w dniu 4 mar 2025, o godz. 09:12:\n\nPrzyjdziesz?",
        ),
        (
            "apple cs",
            "> 4. 3. 2025 v 9:12, Anna Bell <anna@example.com>:\n> \n> Přijdeš?",
        ),
        (
            "apple tr",
            "Anna Bell <anna@example.com> şunları yazdı (4 Mar 2025 09:12):\n\n> Geliyor musun?",
        ),
        (
            "apple ru",
            "> 4 марта 2025 г., в 09:12, Anna Bell <anna@example.com> написал(а):\n> \n> Придёшь?",
        ),
        (
            "apple zh",
            "> 2025年3月4日 09:12，Anna Bell <anna@example.com> 写道：\n> \n> 来吗",
        ),
        (
            "apple ja",
            "> 2025/03/04 9:12、Anna Bell <anna@example.com>のメール:\n> \n> 来ますか",
        ),
        (
            "apple ko",
            "> 2025. 3. 4. 오전 9:12, Anna Bell <anna@example.com> 작성:\n> \n> 와?",
        ),
        ("tb ru", "04.03.2025 9:12, Anna Bell пишет:\n> Придёшь?"),
        (
            "tb cs",
            "Dne 04. 03. 25 v 9:12 Anna Bell napsal(a):\n> Přijdeš?",
        ),
        (
            "tb hu",
            "2025. 03. 04. 9:12 keltezéssel, Anna Bell írta:\n> Jössz?",
        ),
        (
            "tb sv",
            "Den 2025-03-04 kl. 09:12, skrev Anna Bell:\n> Kommer du?",
        ),
        (
            "tb fi",
            "Anna Bell kirjoitti 4.3.2025 klo 9.12:\n> Tuletko?",
        ),
        (
            "tb da",
            "Den 04-03-2025 kl. 09:12 skrev Anna Bell:\n> Kommer du?",
        ),
        ("tb ro", "Pe 04.03.2025 09:12, Anna Bell a scris:\n> Vii?"),
        (
            "tb tr",
            "4.03.2025 09:12 tarihinde Anna Bell yazdı:\n> Geliyor musun?",
        ),
        (
            "tb el",
            "Στις 4/3/2025 9:12 π.μ., ο/η Anna Bell έγραψε:\n> Θα έρθεις;",
        ),
        ("tb ja", "On 2025/03/04 9:12, Anna Bell wrote:\n> 来ますか"),
        ("tb zh", "在 2025/3/4 9:12, Anna Bell 写道:\n> 来吗"),
        (
            "tb ca",
            "El 4/3/25 a les 9:12, Anna Bell ha escrit:\n> Vens?",
        ),
        (
            "mailspring",
            "On Mar 4 2025, at 9:12 am, Anna Bell <anna@example.com> wrote:\n> Are you coming?",
        ),
        (
            "spark",
            "On Mar 4, 2025, 9:12 AM +0100, Anna Bell <anna@example.com>, wrote:\n> Are you coming?",
        ),
        (
            "spark fr",
            "Le 4 mars 2025 à 09:12 +0100, Anna Bell <anna@example.com>, a écrit :\n> Tu viens ?",
        ),
        (
            "zimbra de",
            "----- Am 4. Mrz 2025 um 9:12 schrieb Anna Bell anna@example.com:\n\n> Kommst du?",
        ),
        (
            "zimbra fr",
            "----- Le 4 Mar 25, à 9:12, Anna Bell anna@example.com a écrit :\n\n> Tu viens ?",
        ),
        (
            "roundcube fr",
            "Le 2025-03-04 09:12, Anna Bell a écrit :\n> Tu viens ?",
        ),
        (
            "roundcube de",
            "Am 2025-03-04 09:12, schrieb Anna Bell:\n> Kommst du?",
        ),
        (
            "gmx mobil",
            "Am 04.03.25, 09:12, Anna Bell <anna@example.com> schrieb:\n\n> Kommst du?",
        ),
        (
            "hey",
            "Anna Bell <anna@example.com> wrote:\n\n> Are you coming?",
        ),
        (
            "attachment",
            "Le mar. 4 mars 2025 à 09:12, Anna Bell via ACME Support <\nsupport@acme.example.com> a écrit :\n\n> Tu viens ?",
        ),
        (
            "3lines",
            "On Tue, Mar 4, 2025 at 9:12 AM Anna Bell via ACME Support And Service Desk\n<support-and-service-desk-with-long-name@acme.example.com>\nwrote:\n\n> Are you coming?",
        ),
        (
            "he gmail",
            "\u{202b}בתאריך יום ג׳, 4 במרץ 2025 ב-9:12 מאת \u{202a}Anna Bell\u{202c}\u{200f} <\u{202a}anna@example.com\u{202c}\u{200f}>:\u{202c}\n\n> אתה בא?",
        ),
        (
            "vi gmail",
            "Vào Th 3, 4 thg 3, 2025 vào lúc 09:12 Anna Bell <anna@example.com>\nđã viết:\n\n> Bạn đến không?",
        ),
        (
            "id gmail",
            "Pada tanggal Sel, 4 Mar 2025 pukul 09.12 Anna Bell <anna@example.com>\nmenulis:\n\n> Datang?",
        ),
        (
            "th gmail",
            "ในวันที่ อ. 4 มี.ค. 2025 เวลา 09:12 Anna Bell <anna@example.com> เขียนว่า:\n\n> มาไหม",
        ),
        (
            "ar gmail",
            "في الثلاثاء، 4 مارس 2025 في 9:12 ص تمت كتابة ما يلي بواسطة Anna Bell <anna@example.com>:\n\n> هل ستأتي؟",
        ),
        (
            "hr gmail",
            "uto, 4. ožu 2025. u 09:12 Anna Bell <anna@example.com> napisao je:\n\n> Dolaziš?",
        ),
        (
            "sl gmail",
            "V V tor., 4. mar. 2025 ob 09:12 je oseba Anna Bell <anna@example.com> napisala:\n\n> Prideš?",
        ),
        (
            "lt gmail",
            "2025-03-04, an, 09:12 Anna Bell <anna@example.com> rašė:\n\n> Ateisi?",
        ),
        (
            "lv gmail",
            "otrd., 2025. g. 4. marts, plkst. 09:12 \u{2014} lietotājs Anna Bell (<anna@example.com>) rakstīja:\n\n> Nāksi?",
        ),
        (
            "et gmail",
            "Kuupäev T, 4. märts 2025 kell 09:12 kirjutas Anna Bell <anna@example.com>:\n\n> Tuled?",
        ),
        (
            "bg gmail",
            "На вт, 4.03.2025 г. в 9:12 Anna Bell <anna@example.com> написа:\n\n> Идваш ли?",
        ),
        (
            "sr gmail",
            "уто, 4. мар 2025. у 09:12 Anna Bell <anna@example.com> је написао/ла:\n\n> Долазиш?",
        ),
        (
            "ca gmail",
            "Missatge de Anna Bell <anna@example.com> del dia dt., 4 de març 2025 a les 9:12:\n\n> Vens?",
        ),
        (
            "is gmail",
            "Þann þri., 4. mar. 2025 kl. 09:12 skrifaði Anna Bell <anna@example.com>:\n\n> Kemur þú?",
        ),
        (
            "nn gmail",
            "tys. 4. mars 2025 kl. 09:12 skreiv Anna Bell <anna@example.com>:\n\n> Kjem du?",
        ),
    ]);
}

#[test]
fn header_blocks_in_more_languages_and_programs() {
    assert_histories_cut(&[
        (
            "ol da",
            "Fra: Anna Bell <anna@example.com>\nSendt: 4. marts 2025 09:12\nTil: Bob\nEmne: I aften\n\nKommer du?",
        ),
        (
            "ol no",
            "Fra: Anna Bell <anna@example.com>\nSendt: tirsdag 4. mars 2025 09:12\nTil: Bob\nEmne: I kveld\n\nKommer du?",
        ),
        (
            "ol cs",
            "From: Anna Bell <anna@example.com>\nSent: Tuesday, March 4, 2025 9:12 AM\nTo: Bob\nSubject: Dnes\n\nPřijdeš?",
        ),
        (
            "ol cs2",
            "Od: Anna Bell <anna@example.com>\nOdesláno: úterý 4. března 2025 9:12\nKomu: Bob\nPředmět: Dnes\n\nPřijdeš?",
        ),
        (
            "ol sk",
            "Od: Anna Bell <anna@example.com>\nOdoslané: utorok 4. marca 2025 9:12\nKomu: Bob\nPredmet: Dnes\n\nPrídeš?",
        ),
        (
            "ol hu",
            "Feladó: Anna Bell <anna@example.com>\nElküldve: 2025. március 4., kedd 9:12\nCímzett: Bob\nTárgy: Ma\n\nJössz?",
        ),
        (
            "ol ro",
            "De la: Anna Bell <anna@example.com>\nTrimis: marți, 4 martie 2025 09:12\nCătre: Bob\nSubiect: Azi\n\nVii?",
        ),
        (
            "ol ru",
            "От: Anna Bell <anna@example.com>\nОтправлено: 4 марта 2025 г. 9:12\nКому: Bob\nТема: Сегодня\n\nПридёшь?",
        ),
        (
            "ol uk",
            "Від: Anna Bell <anna@example.com>\nНадіслано: 4 березня 2025 р. 9:12\nКому: Bob\nТема: Сьогодні\n\nПрийдеш?",
        ),
        (
            "ol bg",
            "От: Anna Bell <anna@example.com>\nИзпратено: вторник, 4 март 2025 г. 9:12\nДо: Bob\nОтносно: Днес\n\nИдваш ли?",
        ),
        (
            "ol tr",
            "Kimden: Anna Bell <anna@example.com>\nGönderildi: 4 Mart 2025 Salı 09:12\nKime: Bob\nKonu: Bugün\n\nGeliyor musun?",
        ),
        (
            "ol tr2",
            "Gönderen: Anna Bell <anna@example.com>\nGönderilme Tarihi: 4 Mart 2025 Salı 09:12\nKime: Bob\nKonu: Bugün\n\nGeliyor musun?",
        ),
        (
            "ol el",
            "Από: Anna Bell <anna@example.com>\nΣτάλθηκε: Τρίτη, 4 Μαρτίου 2025 9:12 πμ\nΠρος: Bob\nΘέμα: Σήμερα\n\nΘα έρθεις;",
        ),
        (
            "ol hr",
            "Šalje: Anna Bell <anna@example.com>\nPoslano: 4. ožujka 2025. 9:12\nPrima: Bob\nPredmet: Danas\n\nDolaziš?",
        ),
        (
            "ol sl",
            "Od: Anna Bell <anna@example.com>\nPoslano: torek, 4. marec 2025 09:12\nZa: Bob\nZadeva: Danes\n\nPrideš?",
        ),
        (
            "ol et",
            "Saatja: Anna Bell <anna@example.com>\nSaadetud: teisipäev, 4. märts 2025 9:12\nAdressaat: Bob\nTeema: Täna\n\nTuled?",
        ),
        (
            "ol lv",
            "No: Anna Bell <anna@example.com>\nNosūtīts: otrdiena, 2025. gada 4. marts 9:12\nKam: Bob\nTēma: Šodien\n\nNāksi?",
        ),
        (
            "ol lt",
            "Nuo: Anna Bell <anna@example.com>\nIšsiųsta: 2025 m. kovo 4 d., antradienis 09:12\nKam: Bob\nTema: Šiandien\n\nAteisi?",
        ),
        (
            "ol ja",
            "差出人: Anna Bell <anna@example.com>\n送信日時: 2025年3月4日 9:12\n宛先: Bob\n件名: 今日\n\n来ますか",
        ),
        (
            "ol zh",
            "发件人: Anna Bell <anna@example.com>\n发送时间: 2025年3月4日 9:12\n收件人: Bob\n主题: 今天\n\n来吗",
        ),
        (
            "ol zh-tw",
            "寄件者: Anna Bell <anna@example.com>\n寄件日期: 2025年3月4日 上午 09:12\n收件者: Bob\n主旨: 今天\n\n來嗎",
        ),
        (
            "ol ko",
            "보낸 사람: Anna Bell <anna@example.com>\n보낸 날짜: 2025년 3월 4일 화요일 오전 9:12\n받는 사람: Bob\n제목: 오늘\n\n와?",
        ),
        (
            "ol ar",
            "من: Anna Bell <anna@example.com>\nتم الإرسال: 04 مارس 2025 09:12\nإلى: Bob\nالموضوع: اليوم\n\nهل ستأتي؟",
        ),
        (
            "ol he",
            "מאת: Anna Bell <anna@example.com>\nנשלח: יום שלישי 04 מרץ 2025 09:12\nאל: Bob\nנושא: היום\n\nאתה בא?",
        ),
        (
            "ol ca",
            "De: Anna Bell <anna@example.com>\nEnviat el: dimarts, 4 de març de 2025 9:12\nPer a: Bob\nAssumpte: Avui\n\nVens?",
        ),
        (
            "ol pt-br",
            "De: Anna Bell <anna@example.com>\nEnviada em: terça-feira, 4 de março de 2025 09:12\nPara: Bob\nAssunto: Hoje\n\nVem?",
        ),
        (
            "ol es no addr",
            "De: Anna Bell\nEnviado: martes, 4 de marzo de 2025 9:12\nPara: Bob\nAsunto: Hoy\n\n¿Vienes?",
        ),
        (
            "ol en cc",
            "From: Anna Bell\nSent: 04 March 2025 09:12\nTo: Bob Carter\nCc: Dan\nSubject: RE: Tonight\nImportance: High\n\nAre you coming?",
        ),
        (
            "olmac",
            "From: Anna Bell <anna@example.com>\nDate: Tuesday, 4 March 2025 at 09:12\nTo: Bob <bob@example.com>\nSubject: Tonight\nAre you coming?",
        ),
        (
            "olmac fr",
            "De : Anna Bell <anna@example.com>\nDate : mardi, 4 mars 2025 à 09:12\nÀ : Bob <bob@example.com>\nObjet : Ce soir\nTu viens ?",
        ),
        (
            "olmac de",
            "Von: Anna Bell <anna@example.com>\nDatum: Dienstag, 4. März 2025 um 09:12\nAn: Bob <bob@example.com>\nBetreff: Heute\nKommst du?",
        ),
        (
            "tb quoted hdr",
            "-------- Original Message --------\nSubject: Tonight\nDate: Tue, 4 Mar 2025 09:12\nFrom: Anna <anna@example.com>\nTo: Bob\n\nAre you coming?",
        ),
        (
            "proton",
            "------- Original Message -------\nOn Tuesday, March 4th, 2025 at 9:12 AM, Anna Bell <anna@example.com> wrote:\n\n> Are you coming?",
        ),
        (
            "blackberry",
            "  Message d'origine  \nDe: Anna Bell\nEnvoyé: mardi 4 mars 2025 09:12\nÀ: Bob\nObjet: Ce soir\n\nTu viens ?",
        ),
        (
            "samsung old",
            "-------- Message d'origine --------\nDe : Anna Bell \nDate :04/03/2025  09:12  (GMT+01:00) \nA : bob@example.com \nCc :  \nObjet : Ce soir \n\nTu viens ?",
        ),
        (
            "sfr",
            "Message du : 04/03/2025 09:12\nDe : \"Anna Bell\" <anna@example.com>\nA : \"Bob\" <bob@example.com>\nCopie à : \nSujet : Ce soir\n\nTu viens ?",
        ),
        (
            "orange",
            "> Message du 04/03/25 09:12\n> De : \"Anna Bell\" <anna@example.com>\n> A : \"Bob\" <bob@example.com>\n> Copie à : \n> Objet : Ce soir\n> \n> Tu viens ?",
        ),
        (
            "laposte",
            "> Message du 04/03/2025 à 09:12\n> De : \"Anna Bell\" <anna@example.com>\n> A : bob@example.com\n> Objet : Ce soir\n\nTu viens ?",
        ),
        (
            "free zimbra",
            "----- Mail original -----\nDe: \"Anna Bell\" <anna@example.com>\nÀ: \"Bob\" <bob@example.com>\nEnvoyé: Mardi 4 Mars 2025 09:12:00\nObjet: Ce soir\n\nTu viens ?",
        ),
        (
            "webde",
            "Gesendet: Dienstag, 04. März 2025 um 09:12 Uhr\nVon: \"Anna Bell\" <anna@example.com>\nAn: \"Bob\" <bob@example.com>\nBetreff: Heute\n\nKommst du?",
        ),
        (
            "outlook fr quote",
            "De : Anna Bell [mailto:anna@example.com] \nEnvoyé : mardi 4 mars 2025 09:12\nÀ : 'Bob' <bob@example.com>\nCc : carla@example.com\nObjet : RE: Ce soir\n\nTu viens ?",
        ),
        (
            "outlook web fr",
            "________________________________\nDe : Anna Bell <anna@example.com>\nEnvoyé : mardi 4 mars 2025 09:12:33\nÀ : bob@example.com <bob@example.com>\nObjet : Ce soir \n \nTu viens ?",
        ),
    ]);
}

#[test]
fn a_footer_above_the_history_goes_too() {
    for history in [
        "Envoyé avec la messagerie sécurisée Proton Mail.\n\nLe mardi 4 mars 2025 à 09:12, Anna Bell <anna@example.com> a écrit :\n\n> Tu viens ?",
        "Télécharger Outlook pour iOS<https://aka.ms/o0ukef>\n________________________________\nDe : Anna Bell <anna@example.com>\nEnvoyé : mardi, mars 4, 2025 9:12 AM\nÀ : bob@example.com <bob@example.com>\nObjet : Ce soir\n\nTu viens ?",
    ] {
        assert_eq!(kept(&format!("Oui.\n\n{history}")), "Oui.");
    }
}

#[test]
fn a_header_on_one_line() {
    assert_histories_cut(&[
        (
            "en",
            "From: Anna Bell <anna@example.com> Sent: Tuesday, March 4, 2025 9:12 AM To: Bob <bob@example.com> Subject: Tonight\n\nAre you coming?\n",
        ),
        (
            "fr bold",
            "*De :* Anna Bell <anna@example.com> *Envoyé :* mardi 4 mars 2025 09:12 *À :* Bob *Objet :* Ce soir\n\nTu viens ?\n",
        ),
    ]);
}

#[test]
fn phone_footers() {
    let footers = [
        "Sent from my iPhone",
        "Sent from my Samsung Galaxy smartphone.",
        "Sent from Outlook for Android",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Get Outlook for Android <https://aka.ms/AAb9ysg>",
        "Sent from Yahoo Mail on Android",
        "Sent from Mail for Windows",
        "Sent from Proton Mail for iOS",
        "Sent from AOL on Android",
        "Sent with BlackBerry Hub+",
        "Sent from my Huawei Mobile",
        "Sent via the Samsung Galaxy S24",
        "Envoyé de mon iPhone",
        "Envoyé depuis mon iPad",
        "Envoyé à partir de mon Galaxy",
        "Envoyé depuis mon mobile Orange",
        "Envoyé de mon Huawei",
        "Envoyé depuis mon téléphone portable.",
        "Envoyé depuis Yahoo Mail pour Android",
        "Télécharger Outlook pour Android<https://aka.ms/AAb9ysg>",
        "Obtenez Outlook pour iOS",
        "Envoyé à partir de Outlook pour iOS",
        "Envoyé à partir de Courrier pour Windows",
        "Envoyé depuis mon smartphone Samsung Galaxy.",
        "Von meinem iPhone gesendet",
        "Von meinem Samsung Galaxy Smartphone gesendet.",
        "Gesendet mit der GMX iPhone App",
        "Von meinem Huawei-Mobiltelefon gesendet",
        "Gesendet von Outlook für Android",
        "Outlook für Android herunterladen",
        "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
        "Gesendet von Mail für Windows",
        "Holen Sie sich Outlook für iOS",
        "Enviado desde mi iPhone",
        "Enviado desde mi Samsung Mobile de Movistar",
        "Obtener Outlook para Android",
        "Enviado desde Correo para Windows",
        "Enviado desde Yahoo Mail para Android",
        "Inviato da iPhone",
        "Inviato dal mio iPad",
        "Inviato dal mio smartphone Samsung Galaxy.",
        "Inviato da Outlook per iOS",
        "Scarica Outlook per Android",
        "Inviato da Libero Mail per Android",
        "Verstuurd vanaf mijn iPhone",
        "Verzonden vanaf mijn Galaxy",
        "Outlook voor Android downloaden",
        "Verzonden vanuit Mail voor Windows",
        "Enviado do meu iPhone",
        "Enviado a partir do meu smartphone Samsung Galaxy.",
        "Obter o Outlook para iOS",
        "Enviado do Yahoo Mail no Android",
        "Sendt fra min iPhone",
        "Sendt fra Outlook til Android",
        "Hent Outlook til iOS",
        "Skickat från min iPhone",
        "Skickat från Outlook för Android",
        "Hämta Outlook för iOS",
        "Lähetetty iPhonesta",
        "Hanki Outlook Androidille",
        "Wysłane z iPhone'a",
        "Wysłane z telefonu Samsung",
        "Pobierz program Outlook dla systemu Android",
        "Odesláno z iPhonu",
        "Odoslané z iPhonu",
        "Az iPhone-omról küldve",
        "Trimis de pe iPhone‑ul meu",
        "Отправлено с iPhone",
        "Отправлено из Почты Mail.ru для Android",
        "Надіслано з iPhone",
        "Изпратено от моя iPhone",
        "iPhone'umdan gönderildi",
        "Στάλθηκε από το iPhone μου",
        "Poslano s mog iPhonea",
        "Saadetud minu iPhone'ist",
        "iPhoneから送信",
        "发自我的iPhone",
        "從我的 iPhone 傳送",
        "나의 iPhone에서 보냄",
        "أرسلت من الـ iPhone",
        "נשלח מה-iPhone שלי",
        "Gửi từ iPhone của tôi",
        "Dikirim dari iPhone saya",
        "Enviat des del meu iPhone",
    ];
    for footer in footers {
        let cutting = cut(
            &format!("Je passe à 18h.\n\n{footer}\n"),
            &CutOptions::default(),
        );
        assert_eq!(cutting.kept, "Je passe à 18h.", "{footer}");
        assert_eq!(
            cutting.cut,
            [Cut {
                kind: CutKind::Footer,
                text: footer.to_owned()
            }],
            "{footer}"
        );
    }
}

/// Texts of which every word must reach the phone.
const WHOLE: &[(&str, &str)] = &[
    ("comparison", "Disk usage on srv1:\n> 90 %\nPlease act."),
    (
        "comparisons",
        "Thresholds crossed:\n> 90 % /var\n> 80 % /home",
    ),
    (
        "one quoted line",
        "Message received:\n> Door open\nCheck it.",
    ),
    ("arrow", "Look at this:\n--> sensor 3\n--> sensor 4"),
    (
        "host from",
        "ALERT\nFrom: host1\nDate: 2025-03-04 09:12\nSubject: disk full\n/var at 99 %",
    ),
    (
        "host from, all labels",
        "From: host1\nTo: oncall\nDate: 2025-03-04 09:12\nSubject: disk full\n\n/var at 99 %",
    ),
    (
        "mail fields of a filter, nothing below",
        "A message was quarantined:\nFrom: spam@example.net\nTo: you@example.com\nSubject: You won\nDate: Tue, 4 Mar 2025 09:12",
    ),
    (
        "trip",
        "From: Paris\nTo: Lyon\nDate: 4 mars 2025 09:12\nPrice: 45 EUR\nSeat 12",
    ),
    (
        "trip fr",
        "Votre voyage :\nDe : Paris\nÀ : Lyon\nDate : 04/03/2025 09:12\nPlace 12, voiture 4",
    ),
    ("dash list", "À acheter :\n- pain\n- lait\n- œufs"),
    ("double dash in a line", "Vanne 3 -- fermée -- à 12:00"),
    (
        "records",
        "Host: a\nState: down\n--\nHost: b\nState: down\n--\nHost: c\nState: up",
    ),
    (
        "rows",
        "==========\nALARM\n==========\nZone 3 intrusion\n----------\nPanel 7",
    ),
    (
        "he wrote",
        "Le 12 mai il a écrit :\nje ne viendrai pas.\nDonc on annule.",
    ),
    (
        "he wrote at",
        "Le 12 mai 2024 à 10:30 il a écrit :\nje ne viendrai pas.\nDonc on annule.",
    ),
    (
        "on monday",
        "On Monday we said: no.\nOn Tuesday at 9:30 we start.",
    ),
    (
        "log lines",
        "2025-03-04 09:12:33 srv1 sshd: login from 10.0.0.1\n2025-03-04 09:12:40 srv1 sshd: closed",
    ),
    (
        "log line with a colon at its end",
        "2025-03-04 09:12 srv1 errors:\ndisk full\nfan stopped",
    ),
    (
        "state at",
        "On 2025-03-04 at 09:12 the sensor said:\nTemperature 41 C",
    ),
    (
        "at, sent",
        "At 09:12 on 04/03/2025 the panel sent:\nZONE 3 OPEN",
    ),
    (
        "nagios",
        "***** Nagios *****\n\nNotification Type: PROBLEM\n\nService: HTTP\nHost: web1\nAddress: 10.0.0.5\nState: CRITICAL\n\nDate/Time: Tue Mar 4 09:12:00 CET 2025\n\nAdditional Info:\n\nConnection refused",
    ),
    (
        "zabbix",
        "Problem started at 09:12:33 on 2025.03.04\nProblem name: High CPU (> 90% for 5m)\nHost: srv1\nSeverity: High\nOriginal problem ID: 4711",
    ),
    (
        "original message in prose",
        "The original message was lost.\nOriginal message: ZONE 3",
    ),
    (
        "forwarded in prose",
        "Forwarded message from the panel follows\nZONE 3 OPEN",
    ),
    (
        "sent from in prose",
        "Sent from the warehouse this morning, arriving at 15:00.\nPlease be there.",
    ),
    (
        "envoyé par",
        "Colis 4711\nEnvoyé par mail hier, reçu ce jour.",
    ),
    (
        "inviato",
        "Allarme porta 3\nInviato da centrale: zona 4 aperta",
    ),
    ("phone word last", "Rappelez-moi.\nJean est au téléphone"),
    ("from mobile", "Hi\ncall me from mobile"),
    ("get outlook", "Please\nget Outlook working again"),
    ("smile and ellipsis", "Ok\n:-)\n..."),
    ("code", "Run:\n```\n# not a heading\n####\n```\nthanks"),
    (
        "email in a line ending with a colon",
        "Contact for site 4, anna@example.com:\ncall before 18:00",
    ),
    ("prices", "Bid > 100 EUR, ask < 120 EUR\n>= 3 units"),
    ("underscores", "Name: ________\nDate: ________\nplease fill"),
    (
        "three labels without a sender",
        "To: oncall\nSubject: test\nDate: 2025-03-04\nbody",
    ),
    (
        "voicemail",
        "New voicemail\nFrom: \"Jean\" <+33612345678@pbx.example.com>\nTo: 100@pbx.example.com\nDate: 04/03/2025 09:12\nDuration: 0:12",
    ),
    (
        "ticket",
        "New ticket 4711\nFrom: client@example.com\nSubject: Printer\nDate: 2025-03-04 09:12\n\nThe printer is broken.",
    ),
    (
        "comment",
        "New comment on 4711\nanna@example.com wrote:\nThe printer is broken.",
    ),
    (
        "mail log",
        "mx1:\n2025-03-04 09:12:33 mail rejected from <spam@example.net>:\nblocked by list",
    ),
    (
        "sections",
        "Report\n----------\nFrom: Paris\nTo: Lyon\nDate: 2025-03-04 09:12\n----------\nDone",
    ),
    (
        "starred sections",
        "Report\n==========\nFrom: a@example.com\nTo: b@example.com\n==========\nDone",
    ),
    (
        "calendar",
        "Quand : mardi 4 mars 2025 09:00-10:00\nOù : Salle 2\nDe : Anna\n\nVenez à l'heure",
    ),
    (
        "job sheet",
        "Intervention demain à 9h chez M. Martin\nDe : 9h à 12h\nÀ : Lyon\nObjet : chaudière\nDate : 05/03/2025",
    ),
    (
        "sensor said on one line",
        "Le 04/03/2025 à 09:12, le capteur 3 a envoyé : 41 °C\nSeuil > 40",
    ),
    (
        "door log",
        "On 04/03/2025 at 09:12 door 3 opened:\nperson unknown",
    ),
    (
        "marked list at work",
        "Backup report\n> ok /home\n> ok /var\nend",
    ),
    ("dash name", "Hello,\n\nThe code is: 4711\n\n- Anna"),
    (
        "appointment",
        "RDV confirmé.\nLe mardi 4 mars 2025 à 09:12, Dr Martin vous attend :\n12 rue X\nLyon",
    ),
    (
        "parcel",
        "Votre colis arrive le 4 mars 2025 entre 09:00 et 10:00 :\ncode 4711",
    ),
    (
        "call note",
        "Message de Jean <jean@example.com> le 04/03/2025 à 09:12 :\nrappelez-moi",
    ),
    (
        "contact form",
        "Nouveau message de contact\nNom : Jean\nDe : jean@example.com\nDate : 04/03/2025 09:12\nMessage : rappelez-moi\nMerci",
    ),
    (
        "armoured text",
        "-----BEGIN PGP MESSAGE-----\nabc\n-----END PGP MESSAGE-----",
    ),
    ("window", "From 9:00 to 12:00: maintenance\nTo: all"),
    ("limits", "Température : > 30 °C\nHumidité : < 20 %"),
    ("stars", "* zone 1\n* zone 2\n***\nfin"),
    (
        "ups",
        "UPS on battery since 09:12\nSent by APC Smart-UPS at 10.0.0.3",
    ),
    (
        "sent by a person",
        "Bonjour\nmerci de rappeler\nenvoyé par Jean depuis le portable de Marie",
    ),
    ("sent from a place", "Sent from warehouse 4: 12 pallets"),
    ("times", "12:30\n12:45\n13:00"),
    ("prompt", ">>> import os\n>>> os.getcwd()"),
    (
        "bracketed log",
        "[2025-03-04 09:12:33] Failed login <root@srv1>:\n3 attempts",
    ),
    (
        "meeting",
        "Réunion: mardi 4 mars 2025 09:12\nParticipants: Anna <anna@example.com>, Bob <bob@example.com>:\nSalle 3",
    ),
    ("agenda", "Ordre du jour\n---\n1. budget\n---\n2. divers"),
    ("sensor sent", "Capteur 3 a envoyé :\n> 41 °C\nÀ vérifier"),
    (
        "sensor sent, dated",
        "Le 04/03/2025, le capteur 3 a envoyé :\n> 41 °C\nÀ vérifier",
    ),
    (
        "told with a date",
        "Hier, le 4 mars 2025 à 09:12 le client a écrit :\nje ne viendrai pas",
    ),
    (
        "told in English",
        "Yesterday, 4 March 2025 at 09:12 the customer wrote:\nI am not coming",
    ),
    (
        "diff",
        "Config changed:\n3a4,5\n> allow access from anywhere\n> allow access to everything",
    ),
    (
        "diff, changed lines",
        "Config changed:\n3c3\n< deny access from anywhere\n---\n> allow access from anywhere\n> allow access to everything",
    ),
    (
        "footer-like alarm",
        "Alarme\nEnvoyé depuis Samsung SmartThings: porte ouverte",
    ),
    (
        "footer-like sentence",
        "Your order 4711 is on its way.\nSent with free delivery, arriving tomorrow before noon at your door",
    ),
    ("operator's word", "Colis\nEnvoyé par Orange le 12 mars"),
];

#[test]
fn texts_that_must_survive_whole() {
    for (name, text) in WHOLE {
        let cutting = cut(text, &CutOptions::default());
        assert_eq!(cutting.kept, *text, "{name}");
        assert_eq!(cutting.cut, [], "{name}");
    }
}

#[test]
fn answers_below_and_between_quotes_stay() {
    let quote = "On Tue, Mar 4, 2025 at 9:12 AM Anna Bell <anna@example.com> wrote:\n> Are you coming?\n> And Paul?\n";
    assert_eq!(kept(&format!("{quote}\nYes, at 8.\n")), "Yes, at 8.");
    assert_eq!(
        kept(&format!(
            "Hi,\n\n{quote}\nYes, at 8.\n> And the cake?\nNo cake.\n"
        )),
        "Hi,\n\nYes, at 8.\nNo cake."
    );
    assert_eq!(
        kept("> Are you coming tonight?\n> At eight?\nYes.\n\n> Bring a cake\nNo cake.\n"),
        "Yes.\n\nNo cake."
    );
}

#[test]
fn nothing_but_a_quote_is_nothing() {
    assert_eq!(
        kept(
            "On Tue, Mar 4, 2025 at 9:12 AM Anna Bell <anna@example.com> wrote:\n\n> Are you coming?\n"
        ),
        ""
    );
    assert_eq!(
        kept(
            "\n\nSent from my iPhone\n\n> On 4 Mar 2025, at 09:12, Anna <anna@example.com> wrote:\n> \n> Are you coming?\n"
        ),
        ""
    );
    assert_eq!(kept("Sent from my iPhone\n-- \nJean"), "");
    assert_eq!(kept(""), "");
    assert_eq!(kept(" \u{a0}\r\n\t\n"), "");
}

#[test]
fn a_forward_keeps_what_was_forwarded() {
    let header = "From: Anna Bell <anna@example.com>\nDate: Tue, Mar 4, 2025 at 9:12 AM\nSubject: Code\nTo: <bob@example.com>\n";
    let body = "The code is 4711.\n\nOn Mon, Mar 3, 2025 at 8:00 AM Bob <bob@example.com> wrote:\n\n> Which code?\n\n-- \nAnna";
    for marker in [
        "---------- Forwarded message ---------",
        "-------- Message transféré --------",
        "-------- Weitergeleitete Nachricht --------",
        "---------- Mensaje reenviado ---------",
        "-------- Messaggio Inoltrato --------",
        "---------- Doorgestuurd bericht ---------",
        "---------- Mensagem encaminhada ---------",
        "Begin forwarded message:",
        "Début du message réexpédié :",
        "Début du message transféré :",
        "Anfang der weitergeleiteten Nachricht:",
        "Inicio del mensaje reenviado:",
        "Inizio messaggio inoltrato:",
        "Begin doorgestuurd bericht:",
        "Início da mensagem reencaminhada:",
        "Vidarebefordrat brev:",
        "Välitetty viesti:",
        "Začátek přeposílané zprávy:",
    ] {
        let cutting = cut(
            &format!("FYI\n-- \nBob\n\n{marker}\n{header}\n\n{body}"),
            &CutOptions::default(),
        );
        assert_eq!(
            cutting.kept,
            format!("FYI\n\n{body}").replace("-- \n", "--\n"),
            "{marker}"
        );
        let kinds: Vec<&str> = cutting.cut.iter().map(|cut| cut.kind.as_str()).collect();
        assert_eq!(kinds, ["signature", "forward-header"], "{marker}");
        assert_eq!(
            kept(&format!("{marker}\n\n{header}\nShort.")),
            "Short.",
            "{marker}"
        );
    }
}

#[test]
fn a_forward_without_a_word_of_its_own() {
    let phone = "\n\nEnvoyé de mon iPhone\n\nDébut du message transféré :\n\n> De: Anna <anna@example.com>\n> Date: 4 mars 2025 à 09:12:33 UTC+1\n> À: Bob <bob@example.com>\n> Objet: Code\n> \n> Le code est 4711.\n";
    assert_eq!(kept(phone), "Le code est 4711.");
    let samsung = "\n-------- Message d'origine --------\nDe : Anna <anna@example.com>\nDate : 04/03/2025 09:12 (GMT+01:00)\nÀ : bob@example.com\nObjet : Code\n\nLe code est 4711.\n";
    assert_eq!(kept(samsung), "Le code est 4711.");
    let outlook = "Télécharger Outlook pour Android<https://aka.ms/x>\n________________________________\nDe : Anna <anna@example.com>\nEnvoyé : mardi 4 mars 2025 09:12\nÀ : Bob\nObjet : Code\n\nLe code est 4711.\n";
    assert_eq!(kept(outlook), "Le code est 4711.");
}

#[test]
fn a_forward_in_quote_marks_loses_them() {
    let text = "Voilà\n\n> Début du message réexpédié :\n> \n> De: Anna <anna@example.com>\n> Objet: Code\n> Date: 4 mars 2025 à 09:12\n> À: Bob <bob@example.com>\n> \n> Le code est 4711.\n> > avant\n";
    assert_eq!(kept(text), "Voilà\n\nLe code est 4711.\n> avant");
}

#[test]
fn the_subject_tells_outlooks_forward_from_its_reply() {
    let block = "De : Anna Bell <anna@example.com>\nEnvoyé : mardi 4 mars 2025 09:12\nÀ : Bob <bob@example.com>\nObjet : Code\n\nLe code est 4711.\n";
    let of = |text: &str, subject| {
        cut(
            text,
            &CutOptions {
                subject,
                ..CutOptions::default()
            },
        )
        .kept
    };
    let typed = format!("Pour info\n\n{block}");
    for forward in [
        "TR: Code",
        "Fwd: Code",
        "WG: Code",
        "RV: Code",
        "I: Code",
        "ENC: Code",
        "VB: Code",
        "Doorst: Code",
        "TR : Code",
    ] {
        assert_eq!(
            of(&typed, Some(forward)),
            "Pour info\n\nLe code est 4711.",
            "{forward}"
        );
        assert_eq!(of(block, Some(forward)), "Le code est 4711.", "{forward}");
    }
    for reply in [
        "RE: Code",
        "Re : Code",
        "AW: Code",
        "SV: Code",
        "Antw: Code",
        "R: Code",
        "RES: Code",
        "Odp: Code",
        "RE[2]: Code",
    ] {
        assert_eq!(of(&typed, Some(reply)), "Pour info", "{reply}");
        assert_eq!(of(block, Some(reply)), "", "{reply}");
    }
    let told = "Ticket 4711\n\nFrom: Anna <anna@example.com>\nDate: 2025-03-04 09:12\nTo: help@example.com\nSubject: Printer\n\nIt is broken.";
    assert_eq!(of(told, Some("New ticket")), told);
    assert_eq!(of(told, Some("Re: Printer")), "Ticket 4711");
    let said = "Log\n\nOn 2025-03-04 at 09:12 Sensor wrote:\n41 C";
    assert_eq!(of(said, Some("Log")), said);
    for plain in [None, Some("Code"), Some("Alarm: zone 3")] {
        assert_eq!(of(&typed, plain), "Pour info", "{plain:?}");
        assert_eq!(of(block, plain), "Le code est 4711.", "{plain:?}");
    }
}

#[test]
fn configured_signatures_are_cut_from_the_typed_text() {
    let signatures = ["Jean Dupont", "  ACME\u{a0}SARL "];
    let of = |text: &str| {
        cut(
            text,
            &CutOptions {
                signatures: &signatures,
                ..CutOptions::default()
            },
        )
    };
    assert_eq!(
        of("Oui.\n\nJean Dupont\nDirecteur\n01 23 45 67 89").kept,
        "Oui."
    );
    assert_eq!(of("Oui.\n*ACME SARL*\nrue X").kept, "Oui.");
    assert_eq!(of("Jean Dupont\nDirecteur").kept, "");
    assert_eq!(
        of("Jean Dupont arrive à 8h.").kept,
        "Jean Dupont arrive à 8h."
    );
    assert_eq!(of("jean dupont").kept, "jean dupont");
    let quoted =
        "> Bonjour Jean\n> Merci de me dire si tu viens ce soir\n> Jean Dupont\nOui, 8h.\n";
    assert_eq!(of(quoted).kept, "Oui, 8h.");
    let cutting = of(
        "Oui.\n\nJean Dupont\n\nLe mar. 4 mars 2025 à 09:12, Anna <a@example.com> a écrit :\n> Tu viens ?\n",
    );
    let kinds: Vec<CutKind> = cutting.cut.iter().map(|cut| cut.kind).collect();
    assert_eq!(
        (cutting.kept.as_str(), kinds),
        ("Oui.", vec![CutKind::Signature, CutKind::Quote])
    );
}

#[test]
fn the_signature_delimiter_cuts() {
    assert_eq!(kept("Oui.\n-- \nJean\n01 23"), "Oui.");
    assert_eq!(kept("Oui.\n--\nJean\n01 23"), "Oui.");
    assert_eq!(kept("-- \nJean"), "");
    assert_eq!(kept("Oui.\n\nEnvoyé de mon iPhone\n-- \nJean"), "Oui.");
    assert_eq!(kept("Oui.\n\n*****\n"), "Oui.");
}

#[test]
fn white_space_is_squeezed() {
    assert_eq!(
        kept("\r\n\r\n  Un\r\n\r\n\r\n\r\nDeux  \r\n\u{200b}\r\nTrois\r\n\r\n"),
        "Un\n\nDeux\n\nTrois"
    );
}

#[test]
fn debug_shows_no_text() {
    let shown = format!("{:?}", cut("secret\n-- \nJean", &CutOptions::default()));
    assert!(
        !shown.contains("secret") && !shown.contains("Jean"),
        "{shown}"
    );
}

/// Half a megabyte of what is costly to a careless reader, each in bounded time.
#[test]
fn hostile_texts_take_linear_time() {
    let lines = [
        ("quote marks", ">\n"),
        ("deep quote marks", ">>>>>>>>>>>>>>>> a\n"),
        ("labels", "From: a@b.c\n"),
        ("attributions", "On 1 May 2024 at 10:00 <a@b.c>\n"),
        ("half attributions", "Le 1 <\n"),
        ("markers", "---------- Forwarded message\n"),
        ("originals", "-----Original Message\n"),
        ("delimiters", "-- \n"),
        ("footers", "Sent from my\n"),
        ("blank lines", "\n"),
        ("rows", "-----\n"),
        ("words", "wrote: wrote: wrote: wrote: wrote:\n"),
        ("pipes", "| a\n"),
        ("carriage returns", "\r"),
        ("one line of marks", "> "),
        ("one line of marks, tight", ">"),
        ("one line", "a"),
        ("one line of verbs", "wrote "),
        ("one line of addresses", "<a@b.c>"),
        ("invisible", "\u{feff}"),
        ("Turkish", "İ"),
        ("wrapped values", "From: x\nTo\n"),
        ("quotes and answers", "> one two\n> three four\nanswer\n"),
        (
            "attributed quotes",
            "On 1 May 2024 at 10:00 A <a@b.c> wrote:\n> q\nanswer\n",
        ),
    ];
    for (name, line) in lines {
        let text = line.repeat((1 << 19) / line.len());
        let start = Instant::now();
        let cutting = cut(
            &text,
            &CutOptions {
                signatures: &["Jean"],
                subject: Some("Re: x"),
                marks: &[],
            },
        );
        let took = start.elapsed();
        println!(
            "{name}: {} ms, {} bytes kept",
            took.as_millis(),
            cutting.kept.len()
        );
        assert!(took < Duration::from_secs(20), "{name} took {took:?}");
    }
}

#[test]
fn what_an_html_mails_program_marks_is_cut_and_said() {
    let typed = "<div>Yes, at noon.</div>";
    let signature = "<div class=\"gmail_signature\"><div>Ann Bell</div><div>Sales</div></div>";
    let (quote, signed) = (CutKind::Quote, CutKind::Signature);
    for (html, subject, kept, kinds) in [
        (
            format!("{typed}<blockquote type=\"cite\">q</blockquote>"),
            "lunch",
            "Yes, at noon.",
            vec![quote],
        ),
        (
            format!("{typed}<blockquote type=\"cite\">q</blockquote><p>Below.</p>"),
            "lunch",
            "Yes, at noon.\n\nBelow.",
            vec![quote],
        ),
        (
            format!("{typed}{signature}"),
            "lunch",
            "Yes, at noon.",
            vec![signed],
        ),
        (
            format!(
                "{typed}<div class=\"gmail_quote\"><div class=\"gmail_attr\">Mit Gruß</div><blockquote class=\"gmail_quote\">q</blockquote>And below.</div>"
            ),
            "lunch",
            "Yes, at noon.\n\nAnd below.",
            vec![quote],
        ),
        (
            format!(
                "{typed}<div id=\"appendonsend\"></div><hr><div id=\"divRplyFwdMsg\"><b>Mittente:</b> X</div><div>old</div>"
            ),
            "Re: lunch",
            "Yes, at noon.",
            vec![quote],
        ),
        (
            format!(
                "{typed}<div class=\"moz-cite-prefix\">Seinni partinn, X:</div><blockquote type=\"cite\">q</blockquote>"
            ),
            "Re: lunch",
            "Yes, at noon.",
            vec![quote],
        ),
        (
            format!("{typed}<div class=\"x yahoo_quoted\"><div>Old words</div></div>"),
            "Re: lunch",
            "Yes, at noon.",
            vec![quote],
        ),
        // Nothing typed beside it: a forward in a shape of its own, unless the subject says that it answers.
        (
            "<blockquote type=\"cite\">the alarm</blockquote>".to_owned(),
            "alarm",
            "> the alarm",
            vec![],
        ),
        (
            "<blockquote type=\"cite\">the alarm</blockquote>".to_owned(),
            "Re: alarm",
            "",
            vec![quote],
        ),
        (
            format!("{typed}<blockquote type=\"cite\">the alarm</blockquote>"),
            "Fwd: alarm",
            "Yes, at noon.\n\n> the alarm",
            vec![],
        ),
        // A forward stays, whatever marks it.
        (
            format!(
                "{typed}<div class=\"gmail_quote\"><div class=\"gmail_attr\">---------- Forwarded message ---------<br>From: X &lt;x@example.com&gt;<br>Date: Mon, Mar 3, 2025 at 9:00 AM<br>Subject: alarm<br>To: &lt;a@example.com&gt;</div><div>It rings.</div></div>"
            ),
            "Fwd: alarm",
            "Yes, at noon.\nIt rings.",
            vec![CutKind::ForwardHeader],
        ),
        // A person's own indent or quote is no mark.
        (
            format!("{typed}<blockquote>90 %</blockquote>"),
            "lunch",
            "Yes, at noon.\n\n> 90 %",
            vec![],
        ),
        // One line within a line marks nothing.
        (
            "<div>Yes <span class=\"gmail_signature\">at</span> noon.</div>".to_owned(),
            "lunch",
            "Yes at noon.",
            vec![],
        ),
    ] {
        let raw = format!(
            "From: a@b.example\r\nSubject: {subject}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
        );
        let mail = postel_mail::parse(raw.as_bytes());
        let cutting = cut(
            &mail.body.text,
            &CutOptions {
                subject: mail.subject.as_deref(),
                marks: &mail.body.marks,
                ..CutOptions::default()
            },
        );
        let mut found: Vec<_> = cutting.cut.iter().map(|c| c.kind).collect();
        found.dedup();
        assert_eq!((cutting.kept.as_str(), found), (kept, kinds), "{html}");
    }
}

#[test]
fn marks_are_counted_in_lines_of_the_whole_text() {
    let part = "Content-Type: text/html\r\n\r\n<p>one</p><div class=gmail_signature>two</div>";
    let raw = format!(
        "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n{part}\r\n--x\r\n{part}\r\n--x--"
    );
    let body = postel_mail::parse(raw.as_bytes()).body;
    let options = CutOptions {
        marks: &body.marks,
        ..CutOptions::default()
    };
    let cutting = cut(&body.text, &options);
    assert_eq!(
        cutting.kept.split_whitespace().collect::<Vec<_>>(),
        ["one", "one"]
    );
    assert_eq!(cutting.cut.len(), 2);
}

#[test]
fn a_quote_of_short_lines_that_ends_a_reply_is_cut_and_an_alarm_is_not() {
    let of = |text: &str, subject| {
        let options = CutOptions {
            subject,
            ..CutOptions::default()
        };
        cut(text, &options).kept
    };
    assert_eq!(of("Hi\n\n> old\n> more\n", Some("Re: x")), "Hi");
    for (text, subject) in [
        ("Hi\n\n> old\n> more", Some("disk")),
        ("disk\n\n> 90 %\n> 95 %", Some("Re: disk")),
        ("Hi\n\n> old", Some("Re: x")),
    ] {
        assert_eq!(of(text, subject), text);
    }
}

#[test]
fn clear_signed_mail_is_read_without_its_armour() {
    let raw = "From: a@b.example\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nHello\r\n- -- \r\nAnn\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQEz\r\n=abcd\r\n-----END PGP SIGNATURE-----\r\n";
    let mail = postel_mail::parse(raw.as_bytes());
    assert_eq!(kept(&mail.body.text), "Hello");
}
