//! What phones, mail programs and mailing lists append, per language, as data: regular expressions read without regard to
//! case, against a whole line without the brackets and marks around it.

/// Things and programs that send mail, by a name that is no other word.
pub(super) const DEVICE: &str = concat!(
    r"(?:\b(?:i-?phon\p{Latin}*|i-?pad\p{Latin}*|i-?pod\p{Latin}*|imac|macbook|apple watch|android\p{Latin}*|samsung\p{Latin}*|huawei\p{Latin}*|",
    r"xiaomi\p{Latin}*|redmi|oneplus|oppo|nokia\p{Latin}*|lumia|motorola|htc|xperia|black ?berry\p{Latin}*|windows|outlook\p{Latin}*|yahoo\p{Latin}*|",
    r"gmail|aol|mail\.ru|mail\.com|proton ?mail|tutanota|bluemail|airmail|aqua ?mail|k-?9|thunderbird|fair ?phone|fair ?email|typeapp|mailspring|",
    r"em client|mymail|gmx|web\.de|ionos|superhuman|alcatel\p{Latin}*|blackphone|ti-\d+|chromebook|roundcube|yandex\S*|oxygenos|coloros|miui)\b|",
    r"яндекс\S*|почт[ыауе]\b|пошт[иі]\b|iphone|ipad|outlook|android|安卓)",
);

/// Things that send mail, by kind or by a name that is a word too: only on a short line.
pub(super) const GENERIC: &str = concat!(
    r"(?:\b(?:smart-?phone\w*|mobil\w*|m[oó]vil\w*|handy|handset|phone|cell|cell ?phone|t[ée]l[ée]phone|portable|ordiphone|celular|",
    r"cellulare|tel[eé]fon\w*|telemóvel|tablet\w*|tab|puhelime\w*|matkapuhelime\w*|mobiltelefon\w*|telefoon\w*|gsm|device|appareil|",
    r"dispositivo|gerät|toestel|enhed|enhet|laitteesta|webmail|mail app|mac|galaxy|honor|poco|vivo|realme|moto|lg|sony|pixel|nexus|spark|mailbox|",
    r"sparrow|newton|canary|postbox|zoho|proton|tuta|surface|kindle|libero|virgilio|tiscali|docomo|softbank|swisscom|bluewin|freenet|t-online|",
    r"verizon|at&t|t-mobile)\b|",
    r"мобильн\w*|мобільн\w*|телефон\w*|смартфон\w*|κινητό|携帯|スマートフォン|スマホ|端末|手机|手機|휴대|جوال|هاتف\w*|נייד\w*|điện thoại|ponsel|มือถือ)",
);

/// Mail programs that advertise themselves.
pub(super) const APP: &str = r"(?:outlook|bluemail|spark|yahoo mail|typeapp|aqua mail|newton|edison mail|mymail|gmail|aol app|proton mail|airmail)";

/// Advertisements for an app, read as they stand; `{B}` is an [`APP`]. "Get Outlook for iOS", "Outlook für Android herunterladen".
pub(super) const ADVERTISED: &[&str] = &[
    r"(?:get|download|try|install|t[ée]l[ée]charge[rz]?|obtene[rz]|obtenir|installe[rz]|holen sie sich|hol dir|laden sie|lade|herunterladen|beziehen sie|obtener|obtén|obtenga|descargar|descarga|descargue|consigue|consiga|obter|obtenha|baixar|baixe|transferir|transfira|descarregar|aceder|scarica|ottieni|scaricare|ottenere|download de|haal|krijg|hent|få|skaff|last ned|skaffa|hämta|ladda ned|ladda ner|hanki|lataa|pobierz|uzyskaj|ściągnij|získejte|získajte|stáhněte si|stiahnite si|stáhnout|získať|získat|obțineți|obţineţi|obține|descărcați|descarcă|скачать|получить|загрузить|скачайте|установить|отримати|завантажити|отримайте|изтеглете|вземете|edinin|λήψη|αποκτήστε|κατεβάστε|preuzmite|nabavite|prenesite|dohvati|pridobite|hankige|lejupielādēt|iegūstiet|gaukite|atsisiųskite|obteniu|baixa|获取|獲取|取得|下载|下載|الحصول على|احصل على|تنزيل|קבל|הורד|tải|dapatkan|unduh|ดาวน์โหลด|รับ)(?: \S+)?? ?\[?{B}\b.*(?:ios|android|iphone|ipad|mobile|windows|https?:|aka\.ms).*",
    r"\W*{B} (?:\S+ )?(?:ios|android|iphone|ipad)\S*(?: ?[<(\[]\S+[>)\]])? (?:herunterladen|beziehen|abrufen|holen|downloaden|ophalen|verkrijgen|beszerzése|letöltése|edinin|indirin|indir|alın|を入手|をダウンロード|다운로드|받기).*",
    r"(?:az )?{B} (?:beszerzése|letöltése) .*",
    r"(?:ios|android)[' ’]?\S* (?:için|uchun) {B} .*|{B} (?:for|ios|android).*(?:を入手|をダウンロード|다운로드|받기).*",
];

/// Footers, read with every [`DEVICE`] (in a short line every [`GENERIC`] too) replaced by `¤`. Languages: en fr de es it nl pt da no sv fi pl cs sk hu ro ru uk bg tr el hr sr sl et lv lt ca is ja zh ko ar he vi id
/// th.
pub(super) const SURE: &[&str] = &[
    // "Sent from my iPhone", "Sent from Yahoo Mail on Android", "Sent with Airmail", "sent by galaxy".
    r"(?:this (?:e-?mail|message|mail) (?:was|has been) )?(?:sent|posted|written|typed|composed|dictated)(?: (?:automatically|securely|wirelessly|on the go))?,? (?:from|with|via|by|using|on|through|thru|out of)\b.*¤.*",
    r"sent (?:from|via|with|using) (?:my|a|the|an) \w+(?: \w+)?",
    r"sent from my \w.*",
    r"sent from (?:the )?mail(?: app)?",
    r"from my ¤.*",
    r"(?:connected by|powered by|provided by) (?:motoblur|docomo|vodafone|black ?berry).*",
    // fr
    r"(?:(?:ce|cet) (?:message|mail|courriel|e-mail) a [ée]t[ée] )?(?:envoy[ée]e?s?|[ée]crit|exp[ée]di[ée]|r[ée]dig[ée]) (?:automatiquement )?(?:[àa] partir|par|depuis|de|d['’]|avec|via|sur|du)\b.*¤.*",
    // de
    r"(?:diese (?:nachricht|e-?mail|mail) wurde )?(?:von|vom|aus|mit|über|per|unterwegs|mobil)\b.*¤.* (?:gesendet|gesandt|geschickt|versendet|verschickt|geschrieben|verfasst)",
    r"(?:gesendet|gesandt|geschickt|versendet|verschickt|verfasst|geschrieben) (?:von|vom|mit|über|via|aus|per|auf|unterwegs|mobil)\b.*¤.*",
    // es, pt, ca
    r"(?:(?:este|esta) (?:mensaje|correo|e-?mail|mensagem) (?:ha sido|fue|foi) )?(?:enviad[oa]s?|mandado|escrito|enviat) (?:desde|de|des|con|por|via|vía|a través|do|da|del|pelo|pela|com|no|na|a partir|usando|amb|através)\b.*¤.*",
    // it
    r"(?:inviat[oae]|spedit[oa]|scritto|mandato) (?:da|dal|dalla|dall['’]|con|tramite|via|col|mediante)\b.*¤.*",
    // nl
    r"(?:verzonden|verstuurd|gestuurd|geschreven|getypt) (?:vanaf|vanuit|van|met|via|door|op|uit|onderweg)\b.*¤.*",
    r"(?:vanaf|vanuit|van|met|via) .*¤.* (?:verzonden|verstuurd|gestuurd)",
    // da, no, sv
    r"(?:sendt|skrevet|sänt|skickat|skickades|skickad|skrivet) (?:fra|från|med|via|på|av|af|trådløst|over)\b.*¤.*",
    r"(?:sent|sendt) úr .*¤.*",
    // fi
    r"lähetetty .*(?:¤|sovelluksesta|sähköposti\w*).*",
    // pl
    r"(?:wysłan[eoay]|napisan[eoay]|nadane) (?:z|ze|za|przez|przy|od|w)\b.*¤.*",
    // cs, sk
    r"(?:odesláno|posláno|odoslané|poslané|odoslaná|napsáno|napísané) (?:z|ze|zo|přes|cez|pomocí|pomocou|mobilním|v)\b.*¤.*",
    // hu
    r".*¤.* (?:küldve|küldött|küldtem|elküldve)",
    r"(?:küldve|elküldve) .*¤.*",
    // ro
    r"(?:trimis|expediat) (?:de pe|din|de la|de|cu|prin|folosind)\b.*¤.*",
    // ru, uk, bg
    r"(?:отправлено|послано|написано|надіслано|відправлено|изпратено|пратено) (?:с|со|из|через|от|з|із|зі|від|чрез|през)\b.*¤.*",
    // tr
    r".*¤.*(?:gönderildi|gönderilmiştir|gönderilen)",
    // el
    r"(?:στάλθηκε|εστάλη|απεστάλη|αποστολή) (?:από|μέσω|με|απο)\b.*¤.*",
    // hr, sr, sl
    r"(?:poslano|poslato|odaslano|poslana) (?:s|sa|z|iz|putem|preko|pomoću|od|prek)\b.*¤.*",
    // et, lv, lt
    r"(?:saadetud|nosūtīts|sūtīts|išsiųsta|siųsta)\b.*¤.*",
    r"minu .*¤.* saadetud",
    // ja, zh, ko
    r".*(?:から|より)送信(?:しました|されました|しています)?。?",
    r"(?:从|從|發自|发自|发送自|發送自|来自|來自|由|用).*¤.*",
    r".*¤.*에서 (?:보냄|보낸|전송|발송|보냈).*",
    // ar, he, vi, id, th
    r"(?:أُ?رسلت?|تم الإرسال|مرسل[ةه]?|تم إرساله?ا?) (?:من|بواسطة|عبر|باستخدام).*",
    r"(?:נשלח|נשלחה) (?:מ|באמצעות|דרך).*",
    r"(?:được |đã )?gửi từ .*¤.*",
    r"(?:dikirim|terkirim) (?:dari|melalui|dengan|lewat)\b.*¤.*",
    r"ส่งจาก.*¤.*",
    // Mailing lists and virus scanners.
    r"you received this message because you are subscribed to .*",
    r"to unsubscribe from this (?:group|list|topic).*",
    r"(?:virus-free|virusfrei|garanti sans virus|sans virus|libre de virus|exento de virus|privo di virus|virusvrij|livre de vírus)\. ?\[?<?(?:www\.|https?:).*",
];

/// Footers only directly above a sure one.
pub(super) const BESIDE: &[&str] = &[
    r".{1,40} from ¤",
    r"from my .{1,30}",
    r"sent .{1,60}",
    r"(?:please )?(?:excuse|forgive|pardon) (?:any |the |my )?(?:brevity|typos?|spelling|errors|terseness)\b.*",
    r"¤",
];

/// What a mailing list writes below its row of underscores, in lower case.
pub(super) const LIST_WORDS: &[&str] = &[
    "mailing list",
    "/listinfo",
    "liste de diffusion",
    "mailingliste",
    "mailinglist",
    "lista de correo",
    "lista de distribuição",
];
