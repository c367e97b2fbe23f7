//! The sentences of the decision, in English and French: what happened, what was measured, what to change.
//!
//! Words only; which of them is said is decided elsewhere.

use postel_mail::{FromFault, Unreadable};

use super::{AutomaticSign, Gap, Measured, Proof, Refusal};
use crate::evidence::DkimResult;
use crate::ledger::LimitKind;
use crate::model::Language::{self, En, Fr};
use crate::number::{NotTextable, NumberFault, NumberKind};
use crate::recipient::RecipientFault;

/// Why a mail was accepted, in one sentence.
#[must_use]
pub fn accepted(proof: &Proof, language: Language) -> String {
    match (proof, language) {
        (Proof::Authenticated, En) => "The sender logged in.".to_owned(),
        (Proof::Authenticated, Fr) => "L’expéditeur s’est authentifié.".to_owned(),
        (Proof::Network { range }, En) => {
            format!("The mail came from the account's network {range}.")
        }
        (Proof::Network { range }, Fr) => format!("L’e-mail vient du réseau {range} du compte."),
        (Proof::Spf { domain }, En) => {
            format!("SPF of {domain} allows the server that sent the mail.")
        }
        (Proof::Spf { domain }, Fr) => {
            format!("Le SPF de {domain} autorise le serveur qui a envoyé l’e-mail.")
        }
        (Proof::Dkim { domain }, En) => {
            format!("The mail and its recipient are signed by {domain} (DKIM).")
        }
        (Proof::Dkim { domain }, Fr) => {
            format!("L’e-mail et son destinataire sont signés par {domain} (DKIM).")
        }
        (Proof::Ses, En) => "Our DNS failed; Amazon SES verified the sender.".to_owned(),
        (Proof::Ses, Fr) => {
            "Notre DNS a échoué\u{a0}; Amazon SES a vérifié l’expéditeur.".to_owned()
        }
        (Proof::AnyServer, En) => {
            "The account accepts its listed addresses from any server.".to_owned()
        }
        (Proof::AnyServer, Fr) => {
            "Le compte accepte ses adresses depuis n’importe quel serveur.".to_owned()
        }
    }
}

/// Why a text is not sent.
pub(super) fn why(refusal: &Refusal, language: Language) -> String {
    match refusal {
        Refusal::Unreadable(fault) => unreadable(*fault, language).to_owned(),
        Refusal::AmbiguousSender(fault) => ambiguous(*fault, language).to_owned(),
        Refusal::Automatic(sign) => automatic(sign, language),
        Refusal::TryAgain(measured) => match language {
            En => format!(
                "DNS did not answer, so the sender could not be verified yet; it is tried again. {}",
                measured_words(measured, En)
            ),
            Fr => format!(
                "Le DNS n’a pas répondu\u{a0}: l’expéditeur n’a pas encore pu être vérifié\u{a0}; un nouvel essai suivra. {}",
                measured_words(measured, Fr)
            ),
        },
        Refusal::NotVerified(measured) => match language {
            En => format!(
                "Nothing proves that the mail comes from {}. {} List the sending server's address as a network of the account, or publish an SPF record that includes it, or sign with DKIM.",
                measured.from,
                measured_words(measured, En)
            ),
            Fr => format!(
                "Rien ne prouve que l’e-mail vient de {}. {} Ajoutez l’adresse du serveur d’envoi aux réseaux du compte, ou publiez un enregistrement SPF qui l’inclut, ou signez avec DKIM.",
                measured.from,
                measured_words(measured, Fr)
            ),
        },
        Refusal::NotAUserOf(account) => match language {
            En => format!(
                "The sender is not a user of {account}. Leave out +{account}, or ask an administrator of {account} to add the address."
            ),
            Fr => format!(
                "L’expéditeur n’est pas un utilisateur de {account}. Retirez +{account}, ou demandez à un administrateur de {account} d’ajouter l’adresse."
            ),
        },
        Refusal::NotANumber(fault) => not_a_number(*fault, language),
        Refusal::NotTextable(fault) => not_textable(*fault, language),
        Refusal::CountryNotAllowed(country) => match language {
            En => format!(
                "This account does not send to {country}. An administrator can add the country to the account's limits."
            ),
            Fr => format!(
                "Ce compte n’envoie pas vers {country}. Un administrateur peut ajouter le pays aux limites du compte."
            ),
        },
        Refusal::OverLimit(limit) => match language {
            En => format!(
                "The limit of {} is reached. Wait, or ask an administrator to raise it.",
                limit_words(*limit, En)
            ),
            Fr => format!(
                "La limite de {} est atteinte. Attendez, ou demandez à un administrateur de l’augmenter.",
                limit_words(*limit, Fr)
            ),
        },
        Refusal::TooManyRecipients { limit } => match language {
            En => format!("The mail has more than {limit} recipients. Send it in several mails."),
            Fr => {
                format!("L’e-mail a plus de {limit} destinataires. Envoyez-le en plusieurs fois.")
            }
        },
        Refusal::TooLong { parts, limit } => match language {
            En => {
                format!("The text takes {parts} parts and the account allows {limit}. Shorten it.")
            }
            Fr => format!(
                "Le texte prend {parts} SMS et le compte en permet {limit}. Raccourcissez-le."
            ),
        },
        Refusal::UnknownSender
        | Refusal::NotAcceptedYet
        | Refusal::Virus
        | Refusal::Spam
        | Refusal::OptedOut
        | Refusal::NoOriginator
        | Refusal::Empty
        | Refusal::NoText => plain(refusal, language).to_owned(),
    }
}

/// The refusals that need nothing filled in.
fn plain(refusal: &Refusal, language: Language) -> &'static str {
    match (refusal, language) {
        (Refusal::UnknownSender, En) => {
            "No account lists this sender. An administrator can add the address as a user."
        }
        (Refusal::UnknownSender, Fr) => {
            "Aucun compte ne connaît cet expéditeur. Un administrateur peut ajouter l’adresse comme utilisateur."
        }
        (Refusal::NotAcceptedYet, En) => {
            "The user has not accepted the invitation yet. Open the link in the invitation mail, or have it sent again."
        }
        (Refusal::NotAcceptedYet, Fr) => {
            "L’utilisateur n’a pas encore accepté l’invitation. Ouvrez le lien de l’e-mail d’invitation, ou faites-le renvoyer."
        }
        (Refusal::Virus, En) => "The mail carries a virus. Check the computer that sent it.",
        (Refusal::Virus, Fr) => "L’e-mail contient un virus. Vérifiez l’ordinateur qui l’a envoyé.",
        (Refusal::Spam, En) => {
            "The mail looks like spam. List the sending server as a network of the account if it does not."
        }
        (Refusal::Spam, Fr) => {
            "L’e-mail ressemble à du spam. Ajoutez le serveur d’envoi aux réseaux du compte si c’est à tort."
        }
        (Refusal::OptedOut, En) => "The recipient asked for no more texts from this account.",
        (Refusal::OptedOut, Fr) => {
            "Le destinataire a demandé à ne plus recevoir de SMS de ce compte."
        }
        (Refusal::NoOriginator, En) => {
            "The account has neither a number nor a sender name that can be shown in that country. Set one in its preferences."
        }
        (Refusal::NoOriginator, Fr) => {
            "Le compte n’a ni numéro ni nom d’émetteur utilisable dans ce pays. Configurez-en un dans ses préférences."
        }
        (Refusal::NoText, En) => {
            "The mail has no text, and files and pictures are not sent. Write the text into the mail."
        }
        (Refusal::NoText, Fr) => {
            "L’e-mail n’a pas de texte, et les fichiers et les images ne sont pas envoyés. Écrivez le texte dans l’e-mail."
        }
        (Refusal::Empty, En) => {
            "Nothing is left to send: the mail has no text of its own. Write something above the signature and the quoted mail."
        }
        (Refusal::Empty, Fr) => {
            "Il ne reste rien à envoyer\u{a0}: l’e-mail n’a pas de texte propre. Écrivez au-dessus de la signature et de l’e-mail cité."
        }
        (_, En) => "No text is sent.",
        (_, Fr) => "Aucun SMS n’est envoyé.",
    }
}

fn unreadable(fault: Unreadable, language: Language) -> &'static str {
    match (fault, language) {
        (Unreadable::Encrypted, En) => {
            "The mail is encrypted and cannot be read here. Send it unencrypted."
        }
        (Unreadable::Encrypted, Fr) => {
            "L’e-mail est chiffré et ne peut pas être lu ici. Envoyez-le sans chiffrement."
        }
        (Unreadable::NoHeader, En) => {
            "The mail has no header: it begins with no line such as From: name@example.com. Send it with a mail program."
        }
        (Unreadable::NoHeader, Fr) => {
            "L’e-mail n’a pas d’en-tête\u{a0}: il ne commence par aucune ligne comme From: nom@example.com. Envoyez-le avec un logiciel de messagerie."
        }
        (_, En) => {
            "The mail cannot be read: it is damaged, too large or too deeply nested. Send it again as plain text."
        }
        (_, Fr) => {
            "L’e-mail est illisible\u{a0}: endommagé, trop gros ou trop imbriqué. Renvoyez-le en texte brut."
        }
    }
}

fn ambiguous(fault: FromFault, language: Language) -> &'static str {
    match (fault, language) {
        (FromFault::Missing, En) => "The mail has no From field. Set one sender address.",
        (FromFault::Missing, Fr) => {
            "L’e-mail n’a pas de champ From. Indiquez une adresse d’expéditeur."
        }
        (FromFault::SeveralFields, En) => "The mail has several From fields. Only one is allowed.",
        (FromFault::SeveralFields, Fr) => "L’e-mail a plusieurs champs From. Un seul est permis.",
        (FromFault::SeveralAddresses, En) => {
            "The From field names several senders. Only one is allowed."
        }
        (FromFault::SeveralAddresses, Fr) => {
            "Le champ From nomme plusieurs expéditeurs. Un seul est permis."
        }
        (FromFault::Group, En) => "The From field is a group, not an address.",
        (FromFault::Group, Fr) => "Le champ From est un groupe et non une adresse.",
        (FromFault::Route, En) => "The From field holds a source route. Write the bare address.",
        (FromFault::Route, Fr) => "Le champ From contient une route. Écrivez l’adresse seule.",
        (FromFault::NoAddress, En) => "The From field holds a name but no address.",
        (FromFault::NoAddress, Fr) => "Le champ From contient un nom mais pas d’adresse.",
        (FromFault::DoubledSender, En) => {
            "The mail has several Sender fields. Only one is allowed."
        }
        (FromFault::DoubledSender, Fr) => "L’e-mail a plusieurs champs Sender. Un seul est permis.",
        (FromFault::EncodedAddress, En) => {
            "The From address is written as an encoded word. Write it plainly."
        }
        (FromFault::EncodedAddress, Fr) => {
            "L’adresse From est écrite sous forme encodée. Écrivez-la en clair."
        }
        (FromFault::Malformed, En) => {
            "The From field is not one plain mail address. Write it as name@example.com or Name <name@example.com>."
        }
        (FromFault::Malformed, Fr) => {
            "Le champ From n’est pas une adresse simple. Écrivez nom@example.com ou Nom <nom@example.com>."
        }
    }
}

fn not_a_number(fault: RecipientFault, language: Language) -> String {
    let french = match (fault, language) {
        (fault, En) => return capital(&fault.to_string()),
        (RecipientFault::Account, Fr) => {
            "Après le + du numéro vient le nom d’un compte, comme dans 0612345678+acme."
        }
        (RecipientFault::Nobody, Fr) => {
            "Personne ne lit les e-mails ici\u{a0}: cette passerelle ne prend que les e-mails pour des numéros de téléphone."
        }
        (RecipientFault::Number(fault), Fr) => match fault {
            NumberFault::NotANumber => {
                "Ce n’est pas un numéro de téléphone\u{a0}: écrivez les chiffres seuls, comme +33612345678."
            }
            NumberFault::Letters => {
                "Un numéro de téléphone ne contient pas de lettres\u{a0}: écrivez les chiffres seuls, comme +33612345678."
            }
            NumberFault::TooShort => "Ce numéro a trop peu de chiffres.",
            NumberFault::TooLong => "Ce numéro a trop de chiffres.",
            NumberFault::Extension => "Un SMS n’atteint pas un poste\u{a0}: donnez le numéro seul.",
            NumberFault::UnknownCountryCode => "Aucun pays n’a cet indicatif.",
            NumberFault::NoCountry => {
                "Sans pays, ces chiffres pourraient être à n’importe qui\u{a0}: écrivez le numéro avec + et l’indicatif du pays."
            }
            NumberFault::Invalid => {
                "Ce numéro n’existe pas dans le plan de numérotation de son pays."
            }
        },
    };
    french.to_owned()
}

fn not_textable(fault: NotTextable, language: Language) -> String {
    let kind = match fault.0 {
        _ if language == En => return capital(&fault.to_string()),
        NumberKind::Fixed => "un téléphone fixe",
        NumberKind::TollFree => "un numéro gratuit",
        NumberKind::Premium => "un numéro surtaxé",
        NumberKind::SharedCost => "un numéro à coût partagé",
        NumberKind::Satellite => "un téléphone par satellite",
        _ => "un numéro d’un type inconnu",
    };
    format!("Ce numéro est {kind} et ne peut pas recevoir de SMS.")
}

/// A sentence: capital letter, full stop.
fn capital(words: &str) -> String {
    let mut chars = words.chars();
    let mut said: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect();
    if !said.ends_with('.') {
        said.push('.');
    }
    said
}

fn automatic(sign: &AutomaticSign, language: Language) -> String {
    match (sign, language) {
        (AutomaticSign::NullSender, En) => {
            "The mail has the null sender <>, as bounces and reports have.".to_owned()
        }
        (AutomaticSign::NullSender, Fr) => {
            "L’e-mail a l’expéditeur vide <>, comme les avis de non-remise.".to_owned()
        }
        (AutomaticSign::Mail(sign), En) => {
            format!("The mail was written by a machine in answer to another ({sign}).")
        }
        (AutomaticSign::Mail(sign), Fr) => {
            format!("L’e-mail a été écrit par une machine en réponse à un autre ({sign}).")
        }
        (AutomaticSign::OurDomain, En) => {
            "The mail comes from the gateway's own domain.".to_owned()
        }
        (AutomaticSign::OurDomain, Fr) => {
            "L’e-mail vient du domaine de la passerelle elle-même.".to_owned()
        }
        (AutomaticSign::Loop, En) => "The mail is one of our own that came back.".to_owned(),
        (AutomaticSign::Loop, Fr) => "L’e-mail est l’un des nôtres qui revient.".to_owned(),
        (AutomaticSign::Bulk(sign), En) => format!(
            "The mail says that a machine or a list wrote it ({sign}). An administrator can allow automated mail for this user."
        ),
        (AutomaticSign::Bulk(sign), Fr) => format!(
            "L’e-mail indique qu’une machine ou une liste l’a écrit ({sign}). Un administrateur peut autoriser les e-mails automatiques de cet utilisateur."
        ),
    }
}

/// The limit in words.
#[must_use]
pub fn limit_words(limit: LimitKind, language: Language) -> &'static str {
    match (limit, language) {
        (LimitKind::UserHour, En) => "parts per user and hour",
        (LimitKind::UserHour, Fr) => "SMS par utilisateur et par heure",
        (LimitKind::NumberHour, En) => "parts per number and hour",
        (LimitKind::NumberHour, Fr) => "SMS par numéro et par heure",
        (LimitKind::AccountDay, En) => "parts per day",
        (LimitKind::AccountDay, Fr) => "SMS par jour",
        (LimitKind::AccountMonth, En) => "parts per month",
        (LimitKind::AccountMonth, Fr) => "SMS par mois",
        (LimitKind::AnyServerDay, En) => "20 texts a day that are accepted from any server",
        (LimitKind::AnyServerDay, Fr) => "20 SMS par jour acceptés depuis n’importe quel serveur",
        (LimitKind::OperatorDay, En) => "parts per day set by the operator",
        (LimitKind::OperatorDay, Fr) => "SMS par jour fixée par l’opérateur",
    }
}

/// What was measured: the client, SPF, each signature, and why what passed proves nothing.
#[must_use]
pub fn measured_words(measured: &Measured, language: Language) -> String {
    let mut said = Vec::new();
    said.push(match (measured.client_ip, language) {
        (Some(ip), En) => {
            format!("The mail came from {ip}, which is in no network of the account.")
        }
        (Some(ip), Fr) => format!("L’e-mail vient de {ip}, qui n’est dans aucun réseau du compte."),
        (None, En) => "The address of the sending server is not known.".to_owned(),
        (None, Fr) => "L’adresse du serveur d’envoi est inconnue.".to_owned(),
    });
    if let Some(evidence) = &measured.evidence {
        said.push(format!("SPF: {}", evidence.spf.why));
        if evidence.dkim.is_empty() {
            said.push(match language {
                En => "DKIM: the mail is not signed.".to_owned(),
                Fr => "DKIM\u{a0}: l’e-mail n’est pas signé.".to_owned(),
            });
        }
        for signature in evidence
            .dkim
            .iter()
            .filter(|s| s.result != DkimResult::Pass)
            .take(3)
        {
            said.push(format!("DKIM: {}", signature.why));
        }
    }
    said.extend(
        measured
            .gaps
            .iter()
            .take(4)
            .map(|gap| gap_words(gap, measured, language)),
    );
    said.join(" ")
}

fn gap_words(gap: &Gap, measured: &Measured, language: Language) -> String {
    let from = &measured.from;
    match (gap, language) {
        (Gap::SpfNotAligned { domain }, En) => format!("SPF passed for {domain}, which is not {from}."),
        (Gap::SpfNotAligned { domain }, Fr) => format!("SPF est valide pour {domain}, qui n’est pas {from}."),
        (Gap::SpfTooWide, En) => "SPF passed by a term that admits strangers; narrow the record.".to_owned(),
        (Gap::SpfTooWide, Fr) => "SPF est valide par un terme qui admet n’importe qui\u{a0}; précisez l’enregistrement.".to_owned(),
        (Gap::DkimNotAligned { domain }, En) => format!("The signature is of {domain}, which is not {from}."),
        (Gap::DkimNotAligned { domain }, Fr) => format!("La signature est de {domain}, qui n’est pas {from}."),
        (Gap::DkimUnsigned { fields }, En) => format!("The signature leaves open: {}.", fields.join(", ")),
        (Gap::DkimUnsigned { fields }, Fr) => format!("La signature ne couvre pas\u{a0}: {}.", fields.join(", ")),
        (Gap::DkimPartialBody, En) => "The signature covers only part of the body (l=).".to_owned(),
        (Gap::DkimPartialBody, Fr) => "La signature ne couvre qu’une partie du corps (l=).".to_owned(),
        (Gap::DkimAge, En) => "The signature is older than three days, or its age is unknown.".to_owned(),
        (Gap::DkimAge, Fr) => "La signature a plus de trois jours, ou son âge est inconnu.".to_owned(),
        (Gap::LoginOtherUser, En) => "The client logged in as another user, which proves nothing for this one.".to_owned(),
        (Gap::LoginOtherUser, Fr) => "Le client s’est authentifié comme un autre utilisateur, ce qui ne prouve rien pour celui-ci.".to_owned(),
        (Gap::LoginOtherAccount, En) => "The client logged in, but not as a user of this account, so that proves nothing here.".to_owned(),
        (Gap::LoginOtherAccount, Fr) => "Le client s’est authentifié, mais pas comme utilisateur de ce compte\u{a0}: cela ne prouve rien ici.".to_owned(),
        (Gap::DkimOtherRecipient, En) => "The signed To and Cc do not name this recipient, so the mail may have been signed for another.".to_owned(),
        (Gap::DkimOtherRecipient, Fr) => "Les champs To et Cc signés ne nomment pas ce destinataire\u{a0}: l’e-mail a pu être signé pour un autre.".to_owned(),
    }
}
