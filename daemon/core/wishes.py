"""What requesters say when they want something that the desk does by itself, in eight languages.

Owns the phrases and `read_wish`: a short text is a wish only when *every* piece of it is understood in one
language (greeting, thanks, the wish, a name), so that "solved, thanks" is one and "solved, thanks, but the printer
is still slow" is a mail for a person. Phrases are folded: lower case, accents off. Nothing here closes anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from daemon.core.phrases import fold

_MOST_CHARS = 240  # a longer text is a report, not a wish
_MOST_LINES = 8
_MOST_WORDS = 14  # of one piece
_DIGIT = re.compile(r"\d")
_OF_DATA = re.compile("dat|gegevens|auskunft|donnees|acces|inzage|uppgifter|registerutdrag|dados|store|data")
_NAME = re.compile(r"[^\W\d_][\w'’.-]*(?: [^\W\d_][\w'’.-]*){0,3}")
_PIECES = re.compile(r"[.!?,;:…\n]+| [-–—]+ |[()\"“”„«»]")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


class Wish(StrEnum):
    """What a requester may order without a person's help."""

    CLOSE = "close"
    STATUS = "status"
    MUTE = "unsubscribe"
    DATA = "data"
    YES = "yes"  # only as the answer to a question of ours
    THANKS = "thanks"  # nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tongue:
    """The phrases of one language. `doubt` anywhere in the text takes back that it is solved."""

    thing: str  # what a sentence may be about
    close: str  # {thing} is put in
    doubt: str
    status: str
    mute: str
    data: str
    yes: str
    thanks: str
    hello: str
    bye: str


_TONGUES: dict[str, _Tongue] = {
    "en": _Tongue(
        thing="(?:it|this|that|everything|all|(?:the |my |this |our )?(?:problem|issue|ticket|request|case"
        "|matter|error))",
        close="(?:{thing}(?: is|'s| has been| was| got| are| can be considered)? )?(?:it's |that's )?"
        "(?:now |all |already |been ){{0,2}}(?:solved|fixed|resolved|done|sorted(?: out)?|settled|all good|closed)"
        "(?: now| already| itself| by itself| in the meantime| on my side){{0,2}}"
        "|(?:{thing} )?(?:works?|is working|working|is fine|is ok|is okay)"
        "(?: now| again| fine| perfectly| well| as expected| like a charm| for me){{0,3}}"
        "|(?:{thing} )?(?:can|may|could) (?:now )?be closed(?: now| then)?|{thing} is no longer (?:a problem"
        "|needed)"
        "|(?:you (?:can|may) |please |feel free to |we can |so ){{0,2}}(?:now )?close {thing}(?: now| please|"
        " then)?",
        doubt="but|not|never|still|however|except|although|though|yet|unfortunately|until|unless|only|if|\\w+n't",
        status="(?:(?:what is|what's|whats) the |any |(?:the )?current |please (?:give|send) me (?:a|the) )?"
        "(?:status|news|updates?|progress)(?: update)?(?: (?:of|on|for|about) (?:this|my|the|it)(?: \\w+)?|"
        " please| yet)?"
        "|how (?:does it|is it|are things) (?:look|going|coming along)(?: with (?:this|my|the) \\w+)?"
        "|how far (?:are you|is it|is this)|is there any (?:news|update|progress)(?: yet| on this)?",
        mute="(?:please )?(?:unsubscribe(?: me)?|no more (?:news|notices|notifications|updates)|stop (?:the )?"
        "(?:news|notices|notifications|updates|mails))(?: please)?",
        data="(?:(?:please )?send me |request for |access to |copy of )?(?:all )?my (?:personal )?data"
        "|(?:subject |data )?access request|data request|what (?:data )?do you store (?:about|of) me",
        yes="(?:yes|yep|yeah|ok|okay|sure|please do|do so|agreed|go ahead|correct)(?: please| close it| please do)?",
        thanks="(?:many |big )?thank(?:s| you)?(?: so much| very much| a lot| again| \\w+)?(?: for \\w+(?:"
        " \\w+){0,5})?|cheers|great(?: work| job)?|perfect|super|awesome"
        "|excellent|wonderful|nice|ok|okay|brilliant",
        hello="(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))(?: \\w+){0,4}",
        bye="please|(?:(?:kind|best|warm|many)(?: \\w+)? )?regards|best(?: wishes)?|cheers|yours(?: \\w+)?"
        "|sincerely"
        "|br|bye"
        "|have a (?:nice|good|great) \\w+",
    ),
    "de": _Tongue(
        thing="(?:es|das|alles|die sache|(?:das |der |die |mein |meine |unser )?"
        "(?:problem|ticket|anliegen|thema|fehler|vorgang|fall|anfrage|storung|frage))",
        close="(?:{thing} )?(?:ist |sind |wurde |war |hat sich |habe ich |konnte )?(?:jetzt |nun |inzwischen "
        "|schon |bereits "
        "|damit |hiermit |mittlerweile |somit |alles |von selbst |von allein ){{0,3}}"
        "(?:erledigt|gelost|behoben|geklart|in ordnung|gelost werden|geschlossen)"
        "|(?:{thing} )?(?:funktioniert|geht|lauft|klappt)"
        "(?: jetzt| nun| wieder| alles| einwandfrei| bestens| super| problemlos| bei mir| es){{0,4}}"
        "|(?:jetzt|nun) (?:funktioniert|geht|lauft|klappt) (?:es|alles|das)(?: wieder)?"
        "|(?:{thing} )?(?:kann |konnen sie |durfen sie )?(?:bitte |gerne |gern |jetzt |nun |damit |somit ){{0,3}}"
        "(?:geschlossen werden|schliessen|zumachen)"
        "|(?:sie konnen |konnen sie |bitte ){{1,2}}{thing} (?:bitte |gerne |gern |jetzt |nun ){{0,2}}schliessen",
        doubt="aber|nicht|noch|kein\\w*|leider|nur|jedoch|ausser|allerdings|trotzdem|bis auf|falls|wenn",
        status="(?:wie ist |was ist )?(?:der |den )?(?:aktuelle |aktueller |aktuellen )?"
        "(?:stand|status|sachstand|zwischenstand)(?: (?:der|zu|meiner|meines|von) (?:\\w+ )?\\w+)?(?: bitte)?"
        "|(?:gibt es |haben sie )?(?:schon |bereits )?(?:etwas neues|was neues|neuigkeiten|neues)(?: zu \\w+ \\w+)?"
        "|wie (?:sieht es aus|weit sind sie|steht es)(?: \\w+){{0,4}}|wann (?:geht es weiter|kann ich mit"
        " \\w+ antwort rechnen)",
        mute="(?:bitte )?(?:abmelden|abbestellen|keine (?:weiteren )?(?:nachrichten|benachrichtigungen"
        "|statusmeldungen|mails)"
        "(?: mehr)?)(?: bitte)?",
        data="(?:alle )?meine (?:personenbezogenen )?daten|(?:daten|selbst)?auskunft(?: nach (?:art 15"
        "|artikel 15)?(?: \\w+)?)?"
        "|auskunft uber meine (?:\\w+ )?daten|welche daten (?:haben|speichern) sie (?:von|uber) m(?:ir|ich)"
        "|(?:bitte )?senden sie mir (?:bitte )?(?:alle )?meine daten",
        yes="(?:ja|jawohl|ok|okay|gerne|gern|einverstanden|genau|stimmt|passt)(?: bitte| gerne| gern| schliessen){0,2}",
        thanks="(?:vielen |herzlichen |besten |lieben |tausend |schonen )?dank(?:e)?(?: ihnen| sehr| \\w+)?"
        "(?: fur \\w+(?: \\w+){0,5})?|super|prima|top|perfekt"
        "|klasse|toll|wunderbar|ok|okay|alles klar",
        hello="(?:hallo|hi|hey|moin|servus|grussgott|guten (?:tag|morgen|abend)|sehr geehrte\\w*|liebe\\w*)"
        "(?: \\w+){0,4}",
        bye="bitte(?: schon| sehr)?|(?:mit )?(?:freundliche\\w*|beste\\w*|viele|liebe|schone|herzliche\\w*)"
        " gru(?:ss|sse|ssen)(?:"
        " \\w+){0,3}"
        "|mfg|lg|vg|bg|gruss(?: \\w+){0,2}|schonen (?:tag|abend|feierabend)(?: noch)?|schones wochenende",
    ),
    "fr": _Tongue(
        thing="(?:c'|ca|cela|tout|(?:le |la |mon |ma |ce |cette |l')?(?:probleme|souci|ticket|demande|dossier"
        "|incident|erreur))",
        close="(?:{thing} ?)?(?:est |a ete |s'est |semble |sont )?(?:maintenant |desormais |bien |deja |tout "
        "|enfin ){{0,2}}"
        "(?:resolue?s?|reglee?s?|fini|termine|corrigee?|bon|ok|rentre dans l'ordre|solutionnee?)"
        "(?: maintenant| desormais| depuis| tout seul){{0,2}}"
        "|(?:{thing} )?(?:marche|fonctionne|refonctionne|remarche)"
        "(?: maintenant| a nouveau| de nouveau| bien| parfaitement| desormais| tres bien){{0,3}}"
        "|(?:vous pouvez |merci de |veuillez |on peut |pouvez vous ){{0,2}}(?:fermer|cloturer|clore) {thing}"
        "|{thing} peut etre (?:fermee?|cloturee?|close)",
        doubt="mais|pas|encore|toujours|sauf|cependant|neanmoins|malheureusement|seulement|ne|si|jamais|par contre",
        status="(?:quel est |ou en est |ou en sont |ou en etes vous(?: avec| sur)? ?|l')?(?:le |l'|la )?"
        "(?:etat|statut|status|point|avancement|suivi|(?:ma|mon|cette) (?:demande|dossier|ticket))"
        "(?: (?:de|sur|d') ?(?:ma|mon|la|cette|avancement)(?: \\w+)?| svp| s'il vous plait)?"
        "|(?:avez vous |y a t il |des |une |quelles ){{0,2}}nouvelles?(?: (?:de|sur) \\w+ \\w+)?"
        "|ou en etes vous|ca avance",
        mute="(?:merci de )?(?:me )?(?:desabonner|desinscrire|desinscription|desabonnement|plus de "
        "(?:nouvelles|notifications))"
        "(?: svp| s'il vous plait)?",
        data="(?:toutes )?mes donnees(?: personnelles)?|demande d'acces(?: a mes donnees)?|acces a mes donnees"
        "|quelles donnees (?:conservez|avez|stockez) vous(?: sur moi)?",
        yes="(?:oui|ok|d'accord|tout a fait|exact|volontiers|bien sur)(?: merci| s'il vous plait| vous pouvez"
        "| svp){0,2}",
        thanks="(?:un grand |grand |mille )?merci(?: beaucoup| bien| \\w+)?(?: a (?:tous|vous))?(?: pour \\w+"
        "(?: \\w+){0,5}| de votre \\w+)?|super|parfait|genial|tres bien|nickel|impeccable|ok|top",
        hello="(?:bonjour|bonsoir|salut|cher|chere|madame|monsieur|bonne journee)(?: \\w+){0,4}",
        bye="s'il vous plait|svp|(?:bien )?cordialement|bien a vous|salutations(?: \\w+)?|cdt|cdlt|bonne "
        "(?:journee|soiree|semaine)"
        "|a bientot|amicalement|sinceres salutations",
    ),
    "es": _Tongue(
        thing="(?:eso|esto|todo|(?:el |la |mi |este |esta )?(?:problema|tique|ticket|incidencia|solicitud"
        "|caso|asunto|error))",
        close="(?:{thing} )?(?:ya |ha quedado |queda |quedo |esta |ha sido |se ha |fue |ahora |todo ){{0,3}}"
        "(?:resuelt[oa]s?|solucionad[oa]s?|solventad[oa]|arreglad[oa]|cerrad[oa]|listo|resolvio)(?: ya| ahora)?"
        "|(?:{thing} )?(?:ya |ahora |todo ){{0,2}}(?:funciona|va|esta bien)"
        "(?: ya| ahora| bien| perfectamente| correctamente| de nuevo| otra vez){{0,3}}"
        "|(?:pueden? |podeis |por favor |se puede ){{0,2}}cerrar(?:lo|la)?(?: {thing})?(?: por favor)?"
        "|por favor cierren {thing}",
        doubt="pero|no|aun|todavia|salvo|excepto|sin embargo|lamentablemente|solo|tampoco|menos|sigue",
        status="(?:cual es |en que |como (?:va|esta|sigue|van) )?(?:el )?(?:estado|estatus|status|situacion)?"
        "(?: ?(?:de|esta|va) ?(?:mi|la|el)? ?(?:solicitud|caso|tique|ticket|incidencia))?(?: por favor)?"
        "|(?:hay |tienen |alguna? |tienes ){{0,2}}(?:novedad|novedades|noticia|noticias|avance|avances)"
        "(?: (?:de|sobre) \\w+ \\w+)?|como va(?: (?:mi|la|el) \\w+| todo| esto)?",
        mute="(?:por favor )?(?:dar(?:me)? de baja|baja|cancelar (?:la )?suscripcion|no mas (?:avisos"
        "|noticias|notificaciones))"
        "(?: por favor)?",
        data="(?:todos )?mis datos(?: personales)?|(?:solicitud|derecho) de acceso(?: a mis datos)?|acceso a"
        " mis datos"
        "|que datos (?:tienen|guardan|almacenan) (?:de|sobre) mi",
        yes="(?:si|vale|ok|okay|de acuerdo|claro|correcto|adelante)(?: por favor| gracias| cierrenlo| cierrelo){0,2}",
        thanks="(?:muchas |muchisimas |mil )?gracias(?: \\w+)?(?: (?:por|a) \\w+(?: \\w+){0,5})?|perfecto"
        "|genial|estupendo|excelente|muy amables?|vale|ok|super",
        hello="(?:hola|buenos dias|buenas(?: tardes| noches)?|estimad[oa]s?|querid[oa]s?)(?: \\w+){0,4}",
        bye="por favor|(?:un )?(?:cordial |afectuoso )?saludos?(?: cordiales?| \\w+)?|atentamente|un abrazo|hasta "
        "(?:luego|pronto)",
    ),
    "pt": _Tongue(
        thing="(?:isso|isto|tudo|(?:o |a |meu |minha |este |esta )?(?:o )?(?:problema|pedido|chamado|ticket"
        "|caso|assunto|erro|questao))",
        close="(?:{thing} )?(?:ja |agora |foi |esta |ficou |tudo |ja foi |ja esta |encontra se ){{0,3}}"
        "(?:resolvid[oa]s?|solucionad[oa]s?|corrigid[oa]|tratad[oa]|arranjad[oa]|encerrad[oa]|fechad[oa])(?:"
        " ja| agora)?"
        "|(?:{thing} )?(?:ja |agora |tudo ){{0,2}}(?:funciona|esta a funcionar|esta funcionando|funcionou|esta ok)"
        "(?: ja| agora| bem| perfeitamente| normalmente| novamente| de novo| outra vez){{0,3}}"
        "|(?:podem? |pode se |por favor |favor ){{0,2}}(?:fechar|encerrar)(?: {thing})?(?: por favor)?"
        "|{thing} pode ser (?:fechad[oa]|encerrad[oa])",
        doubt="mas|nao|ainda|porem|contudo|entretanto|infelizmente|exceto|so|apenas|se|nem|continua",
        status="(?:qual (?:e )?|em que |como (?:esta|vai|anda) )?(?:o )?(?:estado|status|ponto de situacao"
        "|andamento|situacao)?"
        "(?: ?(?:do|de|da|esta)? ?(?:meu|minha|o|a)? ?(?:pedido|chamado|caso|ticket))?(?: por favor)?"
        "|(?:ha |tem |alguma |existem |existe ){{0,2}}(?:novidade|novidades|noticia|noticias|atualizacao|avancos?)"
        "(?: (?:do|da|sobre) (?:\\w+ )?\\w+)?|como vai(?: (?:o|a|isso) ?\\w*)?",
        mute="(?:por favor )?(?:cancelar (?:a )?(?:subscricao|inscricao|assinatura)|remover|nao quero mais "
        "(?:avisos|noticias)"
        "|sem mais avisos)(?: por favor)?",
        data="(?:todos )?(?:os )?meus dados(?: pessoais)?|(?:pedido|direito) de acesso(?: aos meus dados)?"
        "|acesso aos meus dados"
        "|que dados (?:tem|guardam|armazenam) (?:de|sobre) mim",
        yes="(?:sim|ok|okay|pode ser|claro|certo|correto|de acordo|podem fechar)(?: por favor| obrigad[oa]|"
        " fechem| pode){0,2}",
        thanks="(?:muito |muitissimo |mil )?obrigad[oa]s?(?: \\w+)?(?: (?:pela|pelo|por|a) \\w+(?:"
        " \\w+){0,5})?|perfeito|otimo|excelente|maravilha|ok|super|agradecid[oa]"
        "|agradeco(?: \\w+){0,2}",
        hello="(?:ola|oi|bom dia|boa (?:tarde|noite)|carissim[oa]s?|prezad[oa]s?|car[oa]s?|exmos?)(?: \\w+){0,4}",
        bye="por favor|(?:com )?(?:os )?(?:melhores )?cumprimentos(?: \\w+)?|atenciosamente|att|abracos?|um"
        " abraco|ate "
        "(?:logo|breve)"
        "|cordialmente",
    ),
    "nl": _Tongue(
        thing="(?:het|dit|dat|alles|(?:het |de |mijn |dit |deze )?(?:probleem|ticket|verzoek|melding|storing"
        "|zaak|fout|vraag))",
        close="(?:{thing} )?(?:is |zijn |was |werd )?(?:nu |al |inmiddels |vanzelf |intussen |alles |weer ){{0,3}}"
        "(?:opgelost|verholpen|in orde|klaar|afgehandeld|geregeld|gesloten|gefixt)(?: nu| inmiddels)?"
        "|(?:{thing} )?(?:werkt|doet het|functioneert)(?: nu| weer| alles| prima| goed| perfect| het){{0,4}}"
        "|nu werkt (?:het|alles)(?: weer)?"
        "|(?:u mag |u kunt |je mag |graag |aub ){{0,2}}{thing} (?:nu |aub |graag )?(?:sluiten|afsluiten)"
        "|{thing} (?:kan|mag)(?: nu| wel)? (?:gesloten|afgesloten|dicht)(?: worden)?",
        doubt="maar|niet|nog|geen|helaas|alleen|echter|behalve|toch|tenzij|als",
        status="(?:wat is |hoe is )?(?:de |het )?(?:huidige )?(?:status|stand(?: van zaken)?|voortgang)"
        "(?: (?:van|over|met) (?:\\w+ )?\\w+)?(?: aub| alstublieft)?"
        "|(?:is er |zijn er |al |nog |hebt u )*(?:iets bekend|nieuws|updates?|iets nieuws)(?: over \\w+ \\w+)?"
        "|hoe (?:staat het(?: ermee| met \\w+ \\w+)?|ver bent u(?: ermee)?|gaat het(?: ermee)?)",
        mute="(?:graag )?(?:afmelden|uitschrijven|geen (?:berichten|meldingen|updates|mails) meer)(?: aub|"
        " alstublieft)?",
        data="(?:al )?mijn (?:persoons)?gegevens|inzageverzoek|(?:verzoek (?:om|tot) )?inzage(?: in mijn gegevens)?"
        "|welke gegevens (?:hebt|bewaart|heeft) u van mij",
        yes="(?:ja|jazeker|ok|oke|okay|akkoord|graag|klopt|prima|doe maar)(?: graag| aub| bedankt| sluit maar"
        "| hoor){0,2}",
        thanks="(?:hartelijk |heel erg |veel |erg )?(?:bedankt|dank(?: u| je)?(?: wel)?)(?: \\w+)?(?: voor"
        " \\w+(?: \\w+){0,5})?|prima|top|super|perfect"
        "|geweldig|fijn|mooi|oke|ok|dankjewel|dankuwel",
        hello="(?:hallo|hoi|dag|beste|geachte|goede(?:morgen|middag|avond|ndag)|goeden?(?: morgen| dag|"
        " middag))(?: \\w+){0,4}",
        bye="aub|alstublieft|graag|(?:met )?(?:vriendelijke|hartelijke|beste) groet(?:en)?(?: \\w+)?|groet"
        "(?:en|jes)?(?: \\w+)?|mvg"
        "|tot ziens"
        "|fijne dag(?: verder)?",
    ),
    "it": _Tongue(
        thing="(?:questo|tutto|(?:il |la |l'|mio |questo )?(?:problema|ticket|richiesta|caso|questione|errore|guasto))",
        close="(?:{thing} )?(?:e |e' |e stat[oa] |ora |adesso |gia |tutto |si e |sembra ){{0,3}}"
        "(?:risolt[oa]|sistemat[oa]|a posto|chius[oa]|ok)(?: ora| adesso| gia)?"
        "|(?:{thing} )?(?:ora |adesso |tutto ){{0,2}}(?:funziona|va)"
        "(?: ora| adesso| bene| tutto| perfettamente| di nuovo| correttamente| regolarmente){{0,3}}"
        "|(?:potete |puo |puoi |si puo |per favore |vi prego di ){{0,2}}chiudere(?: pure)?(?: {thing})?(?:"
        " per favore)?"
        "|{thing} puo essere chius[oa]",
        doubt="ma|non|ancora|pero|tuttavia|purtroppo|tranne|eccetto|solo|se|nemmeno|continua",
        status="(?:qual e |a che |come |a )?(?:lo )?(?:stato|status|situazione|aggiornamento)"
        "(?: (?:della|del|di|sulla) (?:mia |mio )?\\w+)?(?: per favore)?"
        "|a che punto (?:e|siete|siamo)(?: (?:la|il|con) (?:\\w+ )?\\w+)?"
        "|(?:ci sono |avete |qualche |ha ){{0,2}}(?:novita|notizie|aggiornamenti)(?: (?:su|della|sulla) "
        "(?:\\w+ )?\\w+)?"
        "|come procede(?: la \\w+)?",
        mute="(?:per favore )?(?:cancellami|cancellare (?:l')?iscrizione|disiscrivimi|disiscrizione"
        "|niente piu (?:avvisi|notizie|notifiche))(?: per favore)?",
        data="(?:tutti )?(?:i )?miei dati(?: personali)?|(?:richiesta|diritto) di accesso(?: ai miei dati)?"
        "|accesso ai miei dati"
        "|quali dati (?:avete|conservate) (?:su|di) (?:di )?me",
        yes="(?:si|ok|okay|va bene|certo|d'accordo|esatto|confermo)(?: grazie| per favore| chiudete| pure){0,2}",
        thanks="(?:mille |molte |tante )?grazie(?: mille| \\w+)?(?: (?:per|della|del|a) \\w+(?: \\w+){0,5})?"
        "|perfetto|ottimo|benissimo|eccellente|ok|super|vi ringrazio(?: (?:molto|tanto|tutti))?",
        hello="(?:ciao|salve|buongiorno|buonasera|buon (?:giorno|pomeriggio)|gentil[ei]|egregi[oa]?"
        "|spettabile)(?: \\w+){0,4}",
        bye="per favore|prego|(?:cordiali |distinti |un cordiale )?salut[io](?: \\w+)?|cordialmente|a presto"
        "|buona (?:giornata"
        "|serata)"
        "|buon lavoro|arrivederci",
    ),
    "sv": _Tongue(
        thing="(?:det|detta|allt|(?:mitt |det har |hela )?(?:problemet|arendet|felet|problem|arende|fragan|saken))",
        close="(?:{thing} )?(?:ar |har |blev |ar nu |har nu )?(?:nu |redan |val |helt |sig ){{0,2}}"
        "(?:lost|lost sig|fixat|avklarat|klart|ordnat|atgardat|avhjalpt|stangt|ok|losts|fixats|blivit lost)"
        "(?: nu| sjalvt)?"
        "|(?:{thing} )?(?:fungerar|funkar|gar)(?: nu| igen| bra| utmarkt| perfekt| som det ska| det){{0,4}}"
        "|nu (?:fungerar|funkar) (?:det|allt)(?: igen| bra)?"
        "|(?:ni kan |du kan |var god |vanligen ){{0,2}}(?:stanga|stang|avsluta) {thing}(?: nu| tack)?"
        "|{thing} kan (?:nu )?(?:stangas|avslutas)",
        doubt="men|inte|ej|fortfarande|dock|annu|tyvarr|utom|bara|endast|om|forran|aldrig|ingen",
        status="(?:vad ar |hur ar )?(?:den )?(?:aktuell )?(?:status|statusen|laget|lagesrapport)"
        "(?: (?:pa|for|i|med) (?:mitt |det har )?\\w+)?(?: tack)?"
        "|(?:finns det |har ni |ar det )?(?:nagot nytt|nagra nyheter|nyheter|nya besked|uppdateringar?)(?: om"
        " \\w+ \\w+)?"
        "|hur (?:gar det|langt har ni kommit|ser det ut)(?: med (?:mitt |det )?\\w+)?",
        mute="(?:vanligen )?(?:avregistrera(?: mig)?|avanmal(?:a)?(?: mig)?|avprenumerera|inga fler (?:besked"
        "|meddelanden|mejl))"
        "(?: tack)?",
        data="(?:alla )?mina (?:person)?uppgifter|mina data|registerutdrag|begaran om (?:registerutdrag"
        "|tillgang)(?: \\w+){0,4}"
        "|vilka uppgifter (?:har|lagrar|sparar) ni om mig",
        yes="(?:ja|japp|jo|ok|okej|gor det|garna|stammer|visst)(?: tack| garna| det gar bra| stang| stang det){0,2}",
        thanks="(?:stort |tusen |manga |hjartligt )?tack(?: sa mycket| \\w+)?(?: for \\w+(?: \\w+){0,5})?"
        "|toppen|perfekt|super|utmarkt|kanon|bra|ok|okej",
        hello="(?:hej(?:san)?|hallo|god (?:morgon|dag|kvall|eftermiddag)|kara|basta)(?: \\w+){0,4}",
        bye="(?:med )?(?:vanlig(?:a)?|basta|vanliga) halsning(?:ar)?(?: \\w+)?|halsningar(?: \\w+)?|mvh|vh|ha"
        " (?:det bra|en bra dag)"
        "|hej da|hej",
    ),
}


@lru_cache(maxsize=64)
def _compiled(code: str, part: str) -> re.Pattern[str]:
    tongue = _TONGUES[code]
    written = getattr(tongue, part)
    return re.compile(written.format(thing=tongue.thing) if part in {"close", "status"} else written)


_ORDER = (
    (Wish.CLOSE, "close"),
    (Wish.STATUS, "status"),
    (Wish.MUTE, "mute"),
    (Wish.DATA, "data"),
    (Wish.YES, "yes"),
)
_AROUND = ("thanks", "hello", "bye")
_FINAL = frozenset({Wish.CLOSE, Wish.YES, Wish.THANKS})  # what a word of doubt takes back


def may_want_data(text: str) -> bool:
    """False for nearly every text, at once: it holds no word that a wish for one's data cannot do without."""
    return len(text) <= _MOST_CHARS and _OF_DATA.search(fold(text)) is not None


@lru_cache(maxsize=64)  # read before the context is loaded, and again to decide
def read_wish(text: str, language: str = "", *, answer: bool = False) -> Wish | None:
    """What the whole of a short text wishes; None when any piece of it says something else.

    `language` is tried first. `answer`: it answers a question of ours, so that "yes" means something.
    """
    if not text.strip() or len(text) > _MOST_CHARS or text.count("\n") > _MOST_LINES:
        return None
    pieces, named = _pieces(text)
    if not pieces or any(piece.count(" ") >= _MOST_WORDS for piece in pieces) or _DIGIT.search(text):
        return None
    codes = sorted(_TONGUES, key=lambda code: code != language)
    return next((wish for code in codes if (wish := _in_tongue(code, pieces, text, named=named, answer=answer))), None)


def _pieces(text: str) -> tuple[list[str], bool]:
    """The folded pieces of a text; True when the last one may be a name."""
    plain = text.replace("’", "'").replace("\r", "")
    lines = [line.strip() for line in plain.split("\n") if line.strip()]
    pieces = [_EDGES.sub("", fold(piece)) for piece in _PIECES.split("\n".join(lines))]
    pieces = [piece.replace("-", " ") for piece in pieces if piece]
    last = _EDGES.sub("", lines[-1]) if lines else ""
    named = len(lines) > 1 and bool(_NAME.fullmatch(last)) and all(word[:1].isupper() for word in last.split())
    return pieces, named


def _in_tongue(code: str, pieces: list[str], text: str, *, named: bool, answer: bool) -> Wish | None:
    """The wish when this language understands every piece; a name may end it."""
    found: list[Wish] = []
    for index, piece in enumerate(pieces):
        wish = _wish_of(code, piece)
        if wish is not None and (wish is not Wish.YES or answer):
            found.append(wish)
        elif not any(_compiled(code, part).fullmatch(piece) for part in _AROUND) and not (
            named and index == len(pieces) - 1 and index
        ):
            return None
    thanked = any(_compiled(code, "thanks").fullmatch(piece) for piece in pieces)
    wishes = set(found) - {Wish.YES} or set(found) or ({Wish.THANKS} if thanked else set())
    if len(wishes) != 1:
        return None
    wish = wishes.pop()
    return None if wish in _FINAL and _doubtful(code, pieces, text) else wish


def _wish_of(code: str, piece: str) -> Wish | None:
    """The wish of one piece, with or without a word of thanks before or behind it ("solved thanks")."""
    words = piece.split()
    thanks = _compiled(code, "thanks")
    if not thanks.search(piece):
        return next((wish for wish, part in _ORDER if _compiled(code, part).fullmatch(piece)), None)
    heads = [" ".join(words[:at]) for at in range(1, len(words)) if thanks.fullmatch(" ".join(words[at:]))]
    tails = [" ".join(words[at:]) for at in range(1, len(words)) if thanks.fullmatch(" ".join(words[:at]))]
    said = (piece, *heads, *tails)
    return next((wish for wish, part in _ORDER if any(_compiled(code, part).fullmatch(each) for each in said)), None)


def _doubtful(code: str, pieces: list[str], text: str) -> bool:
    """A question, or a word that takes something back."""
    return "?" in text or any(
        re.search(rf"\b(?:{_compiled(code, 'doubt').pattern})\b", piece) is not None for piece in pieces
    )
