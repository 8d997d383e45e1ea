"""Errors, classed by who must react.

- ``SyncdError``
    - ``TransportError``  wait; costs no attempt
    - ``UnknownOutcome``  sent, and nobody knows whether it was done; it is looked up before anything is sent again
    - ``RemoteError``     1C failed inside; limited attempts
    - ``Refused``         1C or we said no; a person acts
    - ``MappingError``    the 1C developer
    - ``DataError``       a bad document or record; it is skipped and journalled, the rest goes on
    - ``ConfigError``     the administrator; syncd refuses to start
    - ``RequestError``    the caller of our API or of the exchange

Each error has a stable code (``E`` and three digits) from the catalogue below, with a text in both languages that
says what to do next. Texts are templates over ``params``; secrets never belong into ``params``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from syncd.i18n import Language, language

Owner = Literal["1c-developer", "administrator", "storefront", "on-call", "syncd"]


_LAST = re.compile(r"{(\w+)}\.")
"""A parameter that ends a sentence of ours: what others said there brings its own full stop."""
_ENDS = ".?!; \t\r\n"


@dataclass(frozen=True, slots=True)
class Text:
    """One entry of the catalogue: who fixes it, and what it says in both languages."""

    owner: Owner
    en: str
    ru: str

    def render(self, params: dict[str, Any], lang: Language | None = None) -> str:
        """The sentence with its parameters put in; a missing parameter shows as ``{name}``."""
        template = self.ru if (lang or language()) == "ru" else self.en
        ends = {
            name: value.rstrip(_ENDS) for name in _LAST.findall(template) if isinstance(value := params.get(name), str)
        }
        return template.format_map(_Lenient(params | ends))


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


CATALOGUE: dict[str, Text] = {
    # E1xx: requests of the exchange protocol
    "E101": Text(
        "administrator",
        "Wrong login or password for the exchange. Check them in 1C's exchange settings and with `syncd infobase list`.",
        "Неверный логин или пароль обмена. Проверьте их в настройках обмена 1С и командой `syncd infobase list`.",
    ),
    "E102": Text(
        "administrator",
        "No session: call mode=checkauth first, then send its cookie or Basic authorization.",
        "Нет сессии: сначала вызовите mode=checkauth, затем передавайте её cookie или Basic-авторизацию.",
    ),
    "E103": Text(
        "1c-developer",
        "Unknown exchange type {type!r}. Known types: {known}.",
        "Неизвестный тип обмена {type!r}. Известные типы: {known}.",
    ),
    "E104": Text(
        "1c-developer",
        "Unknown mode {mode!r} for type {type!r}. Known modes: {known}.",
        "Неизвестный режим {mode!r} для типа {type!r}. Известные режимы: {known}.",
    ),
    "E105": Text(
        "1c-developer",
        "The file name {name!r} is not allowed: {reason}. Send a name inside the exchange folder.",
        "Имя файла {name!r} недопустимо: {reason}. Передайте имя внутри папки обмена.",
    ),
    "E106": Text(
        "administrator",
        "The part has {size} bytes, the limit is {limit}. 1C must split files by file_limit from mode=init.",
        "Часть файла {size} байт при пределе {limit}. 1С должна делить файлы по file_limit из ответа mode=init.",
    ),
    "E107": Text(
        "1c-developer",
        "File {name!r} was not uploaded in this session. Upload it with mode=file, then repeat mode=import.",
        "Файл {name!r} в этой сессии не загружен. Загрузите его через mode=file и повторите mode=import.",
    ),
    "E108": Text(
        "1c-developer",
        "An empty part came for file {name!r}; nothing was changed. Send the file again.",
        "Для файла {name!r} пришла пустая часть; ничего не изменено. Передайте файл снова.",
    ),
    "E109": Text(
        "1c-developer", "Parameter {parameter!r} is missing in the request.", "В запросе нет параметра {parameter!r}."
    ),
    "E110": Text(
        "administrator",
        "This session belongs to another address or exchange type. Begin with mode=checkauth at this address.",
        "Эта сессия от другого адреса или типа обмена. Начните с mode=checkauth по этому адресу.",
    ),
    "E111": Text(
        "on-call",
        "syncd could not answer the request ({error}). It can be repeated; look into the log by correlation {correlation}.",
        "syncd не смог ответить на запрос ({error}). Его можно повторить; ищите в логе по correlation {correlation}.",
    ),
    "E112": Text(
        "administrator",
        "Postgres does not answer, nothing was accepted. 1C will repeat the exchange; check `syncd status`.",
        "Postgres не отвечает, ничего не принято. 1С повторит обмен; проверьте `syncd status`.",
    ),
    "E113": Text(
        "administrator",
        "Too many wrong passwords from {address}; wait {seconds} s.",
        "Слишком много неверных паролей с {address}; подождите {seconds} с.",
    ),
    "E114": Text(
        "on-call",
        "The upload of {name!r} is larger than {limit} bytes in all. Raise exchange.max_upload_mb if this is meant.",
        "Загрузка {name!r} больше {limit} байт. Если так и задумано, увеличьте exchange.max_upload_mb.",
    ),
    "E115": Text(
        "1c-developer",
        "syncd does not serve type {type!r}: {reason}. Use type=catalog for goods and type=sale for orders.",
        "syncd не обслуживает тип {type!r}: {reason}. Для товаров есть type=catalog, для заказов — type=sale.",
    ),
    "E116": Text(
        "1c-developer",
        "sessid {sessid!r} is no session of this infobase. Begin with mode=checkauth and send its fourth line.",
        "sessid {sessid!r} — не сессия этой базы. Начните с mode=checkauth и передавайте его четвёртую строку.",
    ),
    # E2xx: documents
    "E201": Text(
        "1c-developer",
        "Not well-formed XML at line {line}: {detail}. Nothing of this file was applied. Export it again.",
        "XML повреждён, строка {line}: {detail}. Из файла ничего не применено. Выгрузите его снова.",
    ),
    "E202": Text(
        "1c-developer",
        "This is CommerceML 1 (attributes instead of elements). syncd reads 2.02 to 3.1; choose a newer format in 1C's exchange settings.",
        "Это CommerceML 1 (атрибуты вместо элементов). syncd читает 2.02–3.1; выберите новый формат в настройках обмена 1С.",
    ),
    "E203": Text(
        "1c-developer",
        "The root element is <{root}>, not <КоммерческаяИнформация>. This is not a CommerceML document.",
        "Корневой элемент <{root}>, а не <КоммерческаяИнформация>. Это не документ CommerceML.",
    ),
    "E204": Text(
        "1c-developer",
        "The document declares a DTD or entities. They are refused for safety; CommerceML needs none.",
        "В документе объявлены DTD или сущности. Ради безопасности они запрещены; CommerceML они не нужны.",
    ),
    "E205": Text(
        "1c-developer",
        "The archive {name!r} is broken: {detail}. Upload it again.",
        "Архив {name!r} повреждён: {detail}. Загрузите его снова.",
    ),
    "E206": Text("1c-developer", "The archive {name!r} is refused: {detail}.", "Архив {name!r} отклонён: {detail}."),
    "E207": Text("1c-developer", "The file {name!r} is neither XML nor ZIP.", "Файл {name!r} — не XML и не ZIP."),
    "E208": Text(
        "1c-developer",
        "The document is encoded neither as it declares ({declared}) nor as windows-1251: {detail}.",
        "Кодировка документа не соответствует объявленной ({declared}) и это не windows-1251: {detail}.",
    ),
    "E209": Text(
        "1c-developer",
        "The document has no data that syncd knows. Elements met: {elements}.",
        "В документе нет данных, известных syncd. Встретились элементы: {elements}.",
    ),
    "E210": Text(
        "1c-developer",
        "The element that is open at line {line} has more than {limit} parts; it is no record of a trade base. Nothing of this file was applied. Export it in smaller pieces.",
        "В элементе, открытом в строке {line}, больше {limit} частей; это не запись торговой базы. Из файла ничего не применено. Выгрузите меньшими частями.",
    ),
    "E211": Text(
        "1c-developer",
        "<{element}> has no Ид; the record is skipped. Give it an Ид in 1C.",
        "У <{element}> нет Ид; запись пропущена. Заполните Ид в 1С.",
    ),
    "E212": Text(
        "1c-developer",
        "{path}: {value!r} is not a number; the record is skipped.",
        "{path}: {value!r} — не число; запись пропущена.",
    ),
    "E213": Text(
        "1c-developer",
        "{path}: {value!r} is not a date; the value is left out.",
        "{path}: {value!r} — не дата; значение не взято.",
    ),
    "E214": Text(
        "1c-developer",
        "{path}: the required value is missing; the record is skipped.",
        "{path}: нет обязательного значения; запись пропущена.",
    ),
    "E215": Text(
        "1c-developer",
        "The text at {path} cannot be stored: {detail}; the record is skipped.",
        "Текст в {path} нельзя сохранить: {detail}; запись пропущена.",
    ),
    "E221": Text(
        "1c-developer",
        "Order {number!r} from 1C matches no order of ours; it is kept as born in 1C.",
        "Заказ {number!r} из 1С не найден среди наших; он сохранён как созданный в 1С.",
    ),
    "E222": Text(
        "on-call",
        "Order {order} cannot be written for 1C: {detail}. It waits for `syncd outbox retry`; the others went on.",
        "Заказ {order} нельзя записать для 1С: {detail}. Он ждёт `syncd outbox retry`; остальные ушли.",
    ),
    "E223": Text(
        "1c-developer",
        "1C did not take order {number}, offered alone, {times} times; it is held, the others go on. Look into 1C's event log for what it stumbles over, then `syncd outbox retry {number}`.",
        "1С не приняла заказ {number}, переданный в одиночку; попыток: {times}. Заказ отложен, остальные идут дальше. Посмотрите в журнале регистрации 1С, на чём она спотыкается, затем `syncd outbox retry {number}`.",
    ),
    "E224": Text(
        "1c-developer",
        "1C was offered {count} orders and did not confirm them, {times} exchanges in a row. syncd now offers fewer at once, to find the one that 1C stumbles over. If the connection breaks, repair that first.",
        "1С получила заказов: {count}, и не подтвердила их; обменов подряд без подтверждения: {times}. syncd передаёт меньшими порциями, чтобы найти заказ, на котором 1С спотыкается. Если рвётся связь, сначала исправьте её.",
    ),
    # E3xx: orders and the API
    "E301": Text(
        "storefront",
        "Idempotency-Key is missing. Send a new value for every new order and the same one when you repeat a request.",
        "Нет заголовка Idempotency-Key. Передавайте новое значение для каждого нового заказа и прежнее при повторе запроса.",
    ),
    "E302": Text(
        "storefront",
        "This Idempotency-Key was used with another body (differs at: {paths}). Use a new key for a new order.",
        "Этот Idempotency-Key уже использован с другим телом (отличия: {paths}). Для нового заказа нужен новый ключ.",
    ),
    "E303": Text(
        "storefront",
        "A request with this Idempotency-Key is being processed right now. Repeat it in a moment.",
        "Запрос с этим Idempotency-Key выполняется прямо сейчас. Повторите через мгновение.",
    ),
    "E304": Text(
        "storefront",
        "Order number {number!r} of storefront {storefront!r} exists with other content. Numbers are unique within a storefront.",
        "Заказ с номером {number!r} витрины {storefront!r} уже есть с другим содержимым. Номера уникальны в пределах витрины.",
    ),
    "E305": Text("storefront", "{what} {id!r} was not found.", "{what} {id!r}: не найдено."),
    "E306": Text(
        "storefront",
        "The API key is missing, unknown or revoked. Create one with `syncd key create`.",
        "API-ключ не передан, неизвестен или отозван. Создайте ключ: `syncd key create`.",
    ),
    "E307": Text("storefront", "The request is not valid: {detail}.", "Запрос неверен: {detail}."),
    "E308": Text(
        "storefront", "The cursor is not one of ours. Begin without `after`.", "Курсор не наш. Начните без `after`."
    ),
    "E309": Text(
        "on-call",
        "syncd is not ready to accept: {reason}. Repeat after the pause in Retry-After.",
        "syncd сейчас не может принять запрос: {reason}. Повторите после паузы из Retry-After.",
    ),
    "E310": Text(
        "administrator",
        "The API key lacks the scope {scope!r}. Create a key with it.",
        "У API-ключа нет права {scope!r}. Создайте ключ с этим правом.",
    ),
    # E4xx: running
    "E401": Text(
        "administrator",
        "{file}:{line}:{column}: unknown key {key!r}.{hint}",
        "{file}:{line}:{column}: неизвестный ключ {key!r}.{hint}",
    ),
    "E402": Text("administrator", "{file}: {detail}", "{file}: {detail}"),
    "E403": Text(
        "administrator",
        "Postgres is not reachable: {detail}. Check SYNCD_DATABASE_URL, or unset it to use the embedded server.",
        "Postgres недоступен: {detail}. Проверьте SYNCD_DATABASE_URL или уберите её, чтобы работал встроенный сервер.",
    ),
    "E404": Text(
        "administrator",
        "The database schema is {found}, this syncd needs {needed}. Run `syncd db migrate`.",
        "Схема базы {found}, нужна {needed}. Выполните `syncd db migrate`.",
    ),
    "E405": Text(
        "administrator",
        "The embedded {server} did not start: {detail}.",
        "Встроенный {server} не запустился: {detail}.",
    ),
    "E406": Text("administrator", "Setting {key}: {detail}.", "Настройка {key}: {detail}."),
    "E411": Text("administrator", "{what} {name!r} exists already. {hint}", "{what} {name!r}: уже есть. {hint}"),
    "E412": Text(
        "administrator",
        "Nothing was done: nobody can be asked here. Repeat with --yes if this is meant.",
        "Ничего не сделано: здесь некого спросить. Если так и задумано, повторите с --yes.",
    ),
    "E413": Text(
        "administrator",
        "{word!r} fits several: {found}. Give more of the id.",
        "{word!r} подходит к нескольким: {found}. Укажите больше символов id.",
    ),
    "E414": Text(
        "administrator",
        "Infobase {name!r} has {count} orders it was offered and did not confirm. End the exchange with it, or add --release: the next infobase that asks gets them.",
        "У базы {name!r} неподтверждённых заказов: {count}. Завершите обмен с ней или добавьте --release: их получит следующая база, которая спросит.",
    ),
    "E415": Text(
        "administrator",
        "{number} is confirmed by 1C. With --force 1C gets it again and finds its document by the number.",
        "{number} подтверждён 1С. С --force 1С получит его ещё раз и найдёт свой документ по номеру.",
    ),
    "E416": Text(
        "administrator",
        "Removal {run} is not held: it was decided before, or a newer full export took its place.",
        "Удаление {run} не придержано: оно уже решено или его заменила более новая полная выгрузка.",
    ),
    "E417": Text(
        "administrator",
        "Package {package} is {state}: only one that has ended can be replayed.",
        "Пакет {package} в состоянии {state}: повторить можно только завершённый.",
    ),
    "E418": Text(
        "administrator",
        "{path} is there already; nothing was written. Choose an empty folder.",
        "{path} уже есть; ничего не записано. Выберите пустую папку.",
    ),
    "E407": Text(
        "administrator",
        "Cannot listen at {host}:{port}: {detail}. Stop what listens there, or choose another port (--port, SYNCD_API__PORT).",
        "Нельзя слушать {host}:{port}: {detail}. Остановите того, кто там слушает, или выберите другой порт (--port, SYNCD_API__PORT).",
    ),
    "E408": Text(
        "administrator",
        "The role {role} could not start ({status}); its reason stands above.",
        "Роль {role} не запустилась ({status}); причина выше.",
    ),
    # E5xx: imports
    "E501": Text(
        "on-call",
        "The import failed inside syncd ({error}). The package is kept; look at the journal detail and run `syncd journal show`.",
        "Импорт завершился ошибкой внутри syncd ({error}). Пакет сохранён; подробности: `syncd journal show`.",
    ),
    "E502": Text(
        "on-call",
        "The import was begun {attempts} times and never ended; it is set aside so that others go on.",
        "Импорт начинался {attempts} раз и ни разу не завершился; он отложен, чтобы остальные шли дальше.",
    ),
    "E503": Text(
        "1c-developer",
        "The document has elements syncd does not read yet: {elements}. They are reported, not applied.",
        "В документе есть элементы, которые syncd пока не читает: {elements}. Они не применены, только показаны.",
    ),
    "E511": Text(
        "on-call",
        "The full export of catalogue {catalogue} leaves out {absent} of {total} ({entity}): more than the limit, so nothing was removed. `syncd package approve {run} --reason …` removes them, `syncd package reject {run} --reason …` keeps them.",
        "Полная выгрузка каталога {catalogue} не содержит {absent} из {total} ({entity}): больше предела, поэтому ничего не удалено. `syncd package approve {run} --reason …` удалит их, `syncd package reject {run} --reason …` оставит.",
    ),
    "E512": Text(
        "on-call",
        "The full export of catalogue {catalogue} was not taken in whole ({names}), so nothing was removed. See `syncd package show {package}`; the next full export decides.",
        "Полная выгрузка каталога {catalogue} принята не целиком ({names}), поэтому ничего не удалено. Смотрите `syncd package show {package}`; решит следующая полная выгрузка.",
    ),
    "E513": Text(
        "on-call",
        "Portions of the full export of catalogue {catalogue} are missing: only {numbers} came, so nothing was removed. The next full export decides.",
        "У полной выгрузки каталога {catalogue} не хватает порций: пришли только {numbers}, поэтому ничего не удалено. Решит следующая полная выгрузка.",
    ),
    "E514": Text(
        "on-call",
        "The full export of catalogue {catalogue} ended after {portions} portions, the one before had {before}; it leaves out {absent} of {total} ({entity}), so nothing was removed. `syncd package approve {run} --reason …` removes them, `syncd package reject {run} --reason …` keeps them.",
        "Полная выгрузка каталога {catalogue} закончилась после {portions} порций, в прошлой было {before}; в ней нет {absent} из {total} ({entity}), поэтому ничего не удалено. `syncd package approve {run} --reason …` удалит их, `syncd package reject {run} --reason …` оставит.",
    ),
    # E6xx: the emulated 1C
    "E601": Text(
        "syncd",
        "1C would stop here. Asked: {asked}. {problem} HTTP {status}, the answer begins: {head}",
        "1С остановилась бы здесь. Запрос: {asked}. {problem} HTTP {status}, начало ответа: {head}",
    ),
    "E602": Text(
        "administrator",
        "The site refused {asked}: {reason}. Mend the reason and run the exchange again.",
        "Сайт отказал на {asked}: {reason}. Устраните причину и повторите обмен.",
    ),
    "E603": Text(
        "on-call",
        "No answer to {asked}: {detail}. Check that the site is up at this address, then repeat.",
        "Нет ответа на {asked}: {detail}. Проверьте, что сайт работает по этому адресу, и повторите.",
    ),
    "E604": Text(
        "storefront",
        "1C could not write order {number!r}: {problem} The whole batch stays unconfirmed until this is mended.",
        "1С не смогла записать заказ {number!r}: {problem} Весь пакет не подтверждён, пока это не исправлено.",
    ),
    "E605": Text("administrator", "{path}: {detail}. Nothing was sent.", "{path}: {detail}. Ничего не отправлено."),
}


class SyncdError(Exception):
    """Something went wrong that a person can act on."""

    retry_after: float | None = None
    """Seconds the other side asked to be left alone."""

    def __init__(self, code: str, /, **params: Any) -> None:
        self.code = code
        self.params = params
        super().__init__(code, params)

    @property
    def owner(self) -> Owner:
        """Who can fix it."""
        return CATALOGUE[self.code].owner

    def text(self, lang: Language | None = None) -> str:
        """The sentence for a person, in the language asked for or in force."""
        return CATALOGUE[self.code].render(self.params, lang)

    def __str__(self) -> str:
        return f"{self.code} {self.text()}"


class TransportError(SyncdError):
    """The other side could not be reached. Wait; costs no attempt. ``maintenance``: it is alive and lets nobody in."""

    maintenance: bool = False


class UnknownOutcome(SyncdError):
    """The message was sent and the answer was lost: it may have been done. Look it up before sending again."""


class RemoteError(SyncdError):
    """1C failed inside. Limited attempts."""


class Refused(SyncdError):
    """The other side said no. A person must act."""


class MappingError(SyncdError):
    """The mapping does not fit the data. For the 1C developer."""


class DataError(SyncdError):
    """A bad document or record."""


class ConfigError(SyncdError):
    """The configuration is wrong. syncd refuses to start."""


class RequestError(SyncdError):
    """The caller's request is wrong. ``status`` is the HTTP status where the channel has one."""

    def __init__(self, code: str, /, *, status: int = 400, **params: Any) -> None:
        super().__init__(code, **params)
        self.status = status
