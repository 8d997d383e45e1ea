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
from typing import Any, Literal, Self

from syncd.i18n import Language, language
from syncd.phrases import reason

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
        spoken = lang or language()
        template = self.ru if spoken == "ru" else self.en
        params = {name: reason(value, spoken) if isinstance(value, str) else value for name, value in params.items()}
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
        "The document declares a DTD or entities. They are refused for safety; CommerceML needs none: take them out.",
        "В документе объявлены DTD или сущности. Ради безопасности они запрещены; CommerceML они не нужны — уберите их.",
    ),
    "E205": Text(
        "1c-developer",
        "The archive {name!r} is broken: {detail}. Upload it again.",
        "Архив {name!r} повреждён: {detail}. Загрузите его снова.",
    ),
    "E206": Text(
        "1c-developer",
        "The archive {name!r} is refused: {detail}. Nothing of it was applied. Pack the documents anew, or send them bare.",
        "Архив {name!r} отклонён: {detail}. Ничего из него не применено. Упакуйте документы заново или пришлите без архива.",
    ),
    "E207": Text(
        "1c-developer",
        "The file {name!r} is neither XML nor ZIP; nothing of it was applied. Export it again as CommerceML, packed or not.",
        "Файл {name!r} — не XML и не ZIP; ничего из него не применено. Выгрузите его снова в CommerceML, в архиве или без.",
    ),
    "E208": Text(
        "1c-developer",
        "The document is encoded neither as it declares ({declared}) nor as windows-1251: {detail}. "
        "Nothing of it was applied. Write it in the encoding it declares, best in UTF-8.",
        "Кодировка документа не соответствует объявленной ({declared}) и это не windows-1251: {detail}. "
        "Ничего из него не применено. Запишите его в объявленной кодировке, лучше в UTF-8.",
    ),
    "E209": Text(
        "1c-developer",
        "The document has no data that syncd knows. Elements met: {elements}. Check what the exchange in 1C exports.",
        "В документе нет данных, известных syncd. Встретились элементы: {elements}. Проверьте, что выгружает обмен в 1С.",
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
        "{path}: {value!r} is not a number; the record is skipped. Correct it in 1C; the next export brings it.",
        "{path}: {value!r} — не число; запись пропущена. Исправьте в 1С; следующая выгрузка её принесёт.",
    ),
    "E213": Text(
        "1c-developer",
        "{path}: {value!r} is not a date; the value is left out. Correct it in 1C; the next export brings it.",
        "{path}: {value!r} — не дата; значение не взято. Исправьте в 1С; следующая выгрузка его принесёт.",
    ),
    "E214": Text(
        "1c-developer",
        "{path}: the required value is missing; the record is skipped. Fill it in 1C; the next export brings it.",
        "{path}: нет обязательного значения; запись пропущена. Заполните его в 1С; следующая выгрузка её принесёт.",
    ),
    "E215": Text(
        "1c-developer",
        "The text at {path} cannot be stored: {detail}; the record is skipped. Correct it in 1C; the next export brings it.",
        "Текст в {path} нельзя сохранить: {detail}; запись пропущена. Исправьте в 1С; следующая выгрузка её принесёт.",
    ),
    "E216": Text(
        "administrator",
        "The document ends at line {line} and its root element is not closed: it was cut off on the way. Nothing of this file was applied. Export it again; if it ends at the same place each time, look for a limit of size in the web server between 1C and syncd.",
        "Документ обрывается на строке {line}, корневой элемент не закрыт: по дороге пришло не всё. Из файла ничего не применено. Выгрузите его снова; если он обрывается на одном и том же месте, ищите ограничение размера в веб-сервере между 1С и syncd.",
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
        "1C did not take order {number}, offered alone, {times} times; it is held, the others go on. Look into 1C's event log for what it stumbles over, then `syncd outbox retry {number} --reason …`.",
        "1С не приняла заказ {number}, переданный в одиночку; попыток: {times}. Заказ отложен, остальные идут дальше. Посмотрите в журнале регистрации 1С, на чём она спотыкается, затем `syncd outbox retry {number} --reason …`.",
    ),
    "E224": Text(
        "1c-developer",
        "1C was offered {count} orders and did not confirm them, {times} exchanges in a row. syncd now offers fewer at once, to find the one that 1C stumbles over. If the connection breaks, repair that first.",
        "1С получила заказов: {count}, и не подтвердила их; обменов подряд без подтверждения: {times}. syncd передаёт меньшими порциями, чтобы найти заказ, на котором 1С спотыкается. Если рвётся связь, сначала исправьте её.",
    ),
    "E225": Text(
        "on-call",
        "A newer full export of {catalogue} began before this one was known to be complete, so nothing was removed. The newer one decides.",
        "Более новая полная выгрузка {catalogue} началась раньше, чем эта оказалась полной, поэтому ничего не удалено. Решит более новая.",
    ),
    "E226": Text(
        "on-call",
        "The package was not taken in whole, so nothing was removed. Import it again when its errors are mended.",
        "Пакет принят не целиком, поэтому ничего не удалено. Импортируйте его снова, когда ошибки исправлены.",
    ),
    "E227": Text(
        "on-call",
        "The newer full export {run} took the place of this one.",
        "Эту полную выгрузку заменила более новая, {run}.",
    ),
    "E228": Text(
        "on-call",
        "Nobody decided while the packages were kept ({days} days), so nothing was removed.",
        "Решения не было, пока хранились пакеты (дней: {days}), поэтому ничего не удалено.",
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
    "E305": Text(
        "storefront",
        "{what} {id!r} was not found. What there is: {shown}.",
        "{what} {id!r}: не найдено. Что есть: {shown}.",
    ),
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
    "E311": Text(
        "storefront",
        "Order {number} is {state} in 1C and cannot be changed. Place a new order.",
        "Заказ {number} в 1С уже в состоянии {state}, изменить его нельзя. Оформите новый заказ.",
    ),
    "E312": Text(
        "storefront",
        "1C's lines of order {number} are not those of the storefront's change (revision {revision}): 1C keeps its own state, as it does with an order it has confirmed. The order shows 1C's lines; agree on them with the manager.",
        "Строки заказа {number} в 1С — не те, что передала витрина (ревизия {revision}): 1С оставила своё, как бывает с подтверждённым заказом. В заказе показаны строки 1С; согласуйте их с менеджером.",
    ),
    "E313": Text(
        "storefront",
        "Order {number} is at revision {found}, not {expected}: it was changed meanwhile. Read it again, then send its whole state.",
        "Заказ {number} в ревизии {found}, а не {expected}: его успели изменить. Прочитайте его заново и передайте состояние целиком.",
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
        "The import failed inside syncd ({error}). The package is kept: `syncd journal show` has the detail to report; once mended, or to try again, `syncd package replay … --reason …`.",
        "Импорт завершился ошибкой внутри syncd ({error}). Пакет сохранён: подробности для сообщения об ошибке — `syncd journal show`; повторить, в том числе после исправления, — `syncd package replay … --reason …`.",
    ),
    "E502": Text(
        "on-call",
        "The import was begun {attempts} times and never ended; it is set aside so that others go on. "
        "Look into the log of the workers for what ended them, then `syncd package replay … --reason …`.",
        "Импорт начинался {attempts} раз и ни разу не завершился; он отложен, чтобы остальные шли дальше. "
        "Посмотрите в логе worker, что его прервало, затем `syncd package replay … --reason …`.",
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
    # E8xx: a base over OData
    "E801": Text(
        "administrator",
        "1C does not answer ({asked}): {detail}. syncd keeps trying; check the address, the network and that the web server runs.",
        "1С не отвечает ({asked}): {detail}. syncd повторит сам; проверьте адрес, сеть и что веб-сервер работает.",
    ),
    "E802": Text(
        "administrator",
        "1C did not answer in time ({asked}): {detail}. syncd keeps trying; if 1C is that slow as a rule, raise the timeouts of this endpoint.",
        "1С не ответила вовремя ({asked}): {detail}. syncd повторит сам; если 1С всегда так медленна, увеличьте таймауты этой точки обмена.",
    ),
    "E803": Text(
        "administrator",
        "No safe connection to 1C's web server ({asked}): {detail}. If its certificate is not trusted, name the file of its authority in the endpoint's `ca`; checks are never switched off.",
        "Нет защищённого соединения с веб-сервером 1С ({asked}): {detail}. Если сертификату нет доверия, укажите файл его удостоверяющего центра в `ca` точки обмена; проверка не отключается.",
    ),
    "E804": Text(
        "administrator",
        "The 1C platform failed before it looked at the request ({asked}): {detail}. syncd keeps trying; look after the server of 1C.",
        "Платформа 1С отказала, не дойдя до запроса ({asked}): {detail}. syncd повторит сам; проверьте сервер 1С.",
    ),
    "E805": Text(
        "administrator",
        "1C lets nobody in: {detail}. Nothing is sent until it opens; nothing is lost.",
        "1С никого не пускает: {detail}. До открытия ничего не отправляется; ничего не потеряно.",
    ),
    "E806": Text(
        "administrator",
        "1C has no free licence ({asked}): {detail}. Lower `concurrency` of the endpoint, or free a licence; syncd keeps trying.",
        "У 1С нет свободной лицензии ({asked}): {detail}. Уменьшите `concurrency` точки обмена или освободите лицензию; syncd повторит сам.",
    ),
    "E807": Text(
        "administrator",
        "1C has no free session ({asked}): {detail}. `concurrency` of the endpoint must not be above poolSize of the publication; syncd waits.",
        "У 1С нет свободного сеанса ({asked}): {detail}. `concurrency` точки обмена не должна превышать poolSize публикации; syncd подождёт.",
    ),
    "E808": Text(
        "administrator",
        "Something between syncd and 1C answered instead of 1C ({asked}): {detail}. syncd keeps trying; look at the proxy or the web server.",
        "Вместо 1С ответил кто-то между нами ({asked}): {detail}. syncd повторит сам; проверьте прокси или веб-сервер.",
    ),
    "E809": Text(
        "administrator",
        "The answer is no whole answer of 1C's OData: {detail}. Nothing of it was taken; syncd keeps trying.",
        "Ответ не похож на целый ответ OData 1С: {detail}. Из него ничего не взято; syncd повторит сам.",
    ),
    "E810": Text(
        "on-call",
        "1C is busy with the same data ({asked}): {detail}. syncd keeps trying.",
        "1С занята теми же данными ({asked}): {detail}. syncd повторит сам.",
    ),
    "E811": Text(
        "administrator",
        "The web server knows no such publication ({asked}): {detail}. Check the address of the endpoint and the publication of OData; syncd keeps trying.",
        "Веб-сервер не знает такой публикации ({asked}): {detail}. Проверьте адрес точки обмена и публикацию OData; syncd повторит сам.",
    ),
    "E812": Text(
        "administrator",
        "A page came instead of data ({asked}): {detail}. The address leads to a login page or a portal; give the endpoint the address that ends in /odata/standard.odata.",
        "Вместо данных пришла страница ({asked}): {detail}. Адрес ведёт на вход или портал; укажите адрес, который кончается на /odata/standard.odata.",
    ),
    "E813": Text(
        "administrator",
        "1C does not take the login ({asked}): {detail}. Check login and password; the user needs 1C:Enterprise authentication, the web folder must allow anonymous access. Wrong attempts can lock the user.",
        "1С не принимает имя и пароль ({asked}): {detail}. Проверьте их; пользователю нужна аутентификация 1С:Предприятия, каталогу веб-сервера — анонимный доступ. Неудачные попытки могут заблокировать пользователя.",
    ),
    "E814": Text(
        "administrator",
        "The user may not see all of it ({asked}): {detail}. Give the user of syncd the right to read, or set `allowed_only`: then nothing is ever removed by what is missing.",
        "Пользователю видно не всё ({asked}): {detail}. Дайте пользователю syncd право чтения или включите `allowed_only`: тогда по отсутствию ничего не удаляется.",
    ),
    "E815": Text(
        "1c-developer",
        "1C failed inside ({asked}): {detail}. It wrote nothing. Look into the event log of the base.",
        "Ошибка внутри 1С ({asked}): {detail}. Ничего не записано. Смотрите журнал регистрации базы.",
    ),
    "E816": Text(
        "administrator",
        "The web server forbids the request ({asked}): {detail}. syncd keeps trying; check the rights of the web folder and that sessions are allowed.",
        "Веб-сервер запрещает запрос ({asked}): {detail}. syncd повторит сам; проверьте права каталога и что сеансы разрешены.",
    ),
    "E817": Text(
        "1c-developer",
        "1C did not agree ({asked}): {detail}. Mend the data or the mapping, then retry the delivery.",
        "1С не согласилась ({asked}): {detail}. Исправьте данные или правила и повторите доставку.",
    ),
    "E818": Text(
        "1c-developer",
        "The period is closed in 1C ({asked}): {detail}. Open it for the user of syncd, or let the mapping set a later date, then retry the delivery.",
        "Период в 1С закрыт ({asked}): {detail}. Откройте его пользователю syncd или задайте в правилах дату позже и повторите доставку.",
    ),
    "E819": Text(
        "1c-developer",
        "1C cannot read a value of the request ({asked}): {detail}. Correct the mapping of this field.",
        "1С не может прочитать значение запроса ({asked}): {detail}. Исправьте правило этого поля.",
    ),
    "E820": Text(
        "1c-developer",
        "1C does not know a name in the request ({asked}): {detail}. Run `syncd mapping check`; the configuration may have changed.",
        "1С не знает имени из запроса ({asked}): {detail}. Выполните `syncd mapping check`; возможно, конфигурация изменилась.",
    ),
    "E821": Text(
        "administrator",
        "1C does not publish this set ({asked}): {detail}. Add it to the standard interface (SetStandardODataInterfaceContent), or correct the name in the mapping.",
        "1С не публикует этот набор ({asked}): {detail}. Добавьте его в состав стандартного интерфейса OData или исправьте имя в правилах.",
    ),
    "E822": Text(
        "1c-developer",
        "1C has no such object ({asked}): {detail}.",
        "В 1С нет такого объекта ({asked}): {detail}.",
    ),
    "E823": Text(
        "1c-developer",
        "1C has an object of this key ({asked}): {detail}.",
        "В 1С уже есть объект с таким ключом ({asked}): {detail}.",
    ),
    "E824": Text(
        "on-call",
        "Somebody changed the object in 1C meanwhile ({asked}): {detail}. syncd reads it again.",
        "Объект тем временем изменили в 1С ({asked}): {detail}. syncd прочитает его заново.",
    ),
    "E825": Text(
        "administrator",
        "The web server finds the request too large ({asked}): {detail}. Raise its limit (IIS: maxAllowedContentLength), or send fewer lines.",
        "Веб-серверу запрос слишком велик ({asked}): {detail}. Увеличьте предел (IIS: maxAllowedContentLength) или передавайте меньше строк.",
    ),
    "E826": Text(
        "1c-developer",
        "This base does not support the request ({asked}): {detail}. It needs another way, or a newer platform.",
        "База не поддерживает такой запрос ({asked}): {detail}. Нужен другой путь или более новая платформа.",
    ),
    "E827": Text(
        "on-call",
        "Nobody knows whether 1C did it ({asked}): {detail}. syncd looks it up in 1C before anything is sent again.",
        "Неизвестно, выполнила ли это 1С ({asked}): {detail}. syncd проверит это в 1С, прежде чем отправлять снова.",
    ),
    "E828": Text(
        "1c-developer",
        "{set} has no field {field!r} to keep the order's id in, so that no order is written to 1C: without it a repeated order could not be told from a new one. Add a string attribute of {length} characters, or name another field in the mapping.",
        "У {set} нет поля {field!r} для идентификатора заказа, поэтому заказы в 1С не пишутся: без него повторный заказ не отличить от нового. Добавьте строковый реквизит длиной {length} или укажите в правилах другое поле.",
    ),
    "E829": Text(
        "1c-developer",
        "{set}.{field} holds {has} characters, the order's id needs {length}; 1C would cut it in silence, so that no order is written. Lengthen the attribute, or name another field in the mapping.",
        "{set}.{field} вмещает символов: {has}, идентификатору нужно {length}; 1С молча обрезала бы его, поэтому заказы не пишутся. Удлините реквизит или укажите в правилах другое поле.",
    ),
    "E830": Text(
        "1c-developer",
        "1C kept {ref} otherwise than it was sent: {detail}. The document is there; correct it by hand or correct the mapping.",
        "1С записала {ref} не так, как было передано: {detail}. Документ есть; исправьте его вручную или исправьте правила.",
    ),
    "E831": Text(
        "on-call",
        "1C has {count} objects in {set} with the mark {marker}; {ref} counts, the others ({others}) must be marked for deletion by a person.",
        "В 1С объектов {set} с меткой {marker}: {count}; действителен {ref}, остальные ({others}) должен пометить на удаление человек.",
    ),
    "E832": Text(
        "on-call",
        "{set} changed while it was read: {detail}. What came is used, nothing is removed by it.",
        "{set} менялся во время чтения: {detail}. Полученное использовано, по нему ничего не удаляется.",
    ),
    "E833": Text(
        "administrator",
        "1C publishes no object at all over OData. Let somebody run SetStandardODataInterfaceContent in the base, or choose the objects in its settings.",
        "1С не публикует по OData ни одного объекта. Выполните в базе УстановитьСоставСтандартногоИнтерфейсаOData или выберите объекты в её настройках.",
    ),
    "E834": Text(
        "1c-developer",
        "The base lacks what the mapping needs: {detail}. Publish it, or correct the mapping.",
        "В базе нет того, что нужно правилам: {detail}. Опубликуйте это или исправьте правила.",
    ),
    "E835": Text(
        "administrator",
        "The node {node} of {plan} cannot be read: {detail}. Create a node for syncd in 1C and name its Ref_Key.",
        "Узел {node} плана {plan} не годится: {detail}. Создайте в 1С узел для syncd и укажите его Ref_Key.",
    ),
    "E836": Text(
        "administrator",
        "The answer is larger than {limit} bytes ({asked}). Raise the limit (`syncd endpoint set NAME --set {setting}=…`), or ask for less at once: `where` or a `Condition` in the mapping, several sources instead of one.",
        "Ответ больше {limit} байт ({asked}). Увеличьте предел (`syncd endpoint set ИМЯ --set {setting}=…`) или запрашивайте меньше за раз: `where` или `Condition` в маппинге, несколько источников вместо одного.",
    ),
    "E837": Text(
        "on-call",
        "{ref} is marked for deletion in 1C; syncd does not revive it. Take the mark off in 1C, or cancel the delivery.",
        "{ref} помечен в 1С на удаление; syncd его не восстанавливает. Снимите пометку в 1С или отмените доставку.",
    ),
    "E838": Text("administrator", "The endpoint of OData: {detail}.", "Точка обмена OData: {detail}."),
    "E839": Text(
        "1c-developer",
        "1C has no {what} {value!r} that the order needs, and the mapping does not let syncd create it.",
        "В 1С нет «{what}» {value!r}, нужного заказу, а создавать его правила не разрешают.",
    ),
    "E840": Text("1c-developer", "{value!r} is not a GUID.", "{value!r} — не GUID."),
    "E841": Text("1c-developer", "{value!r} is not a name of 1C.", "{value!r} — не имя 1С."),
    "E842": Text(
        "1c-developer", "{value!r} is no value that 1C can take.", "{value!r} — не значение, которое примет 1С."
    ),
    "E843": Text(
        "1c-developer",
        "The address would have {length} characters, the web server takes {limit} ({asked}). Ask for fewer fields or shorter conditions.",
        "В адресе было бы символов: {length}, веб-сервер принимает {limit} ({asked}). Запрашивайте меньше полей или короче условия.",
    ),
    "E844": Text(
        "administrator",
        "1C does not keep the session it gave ({asked}): {detail}. Choose another `session` for the endpoint.",
        "1С не держит выданный сеанс ({asked}): {detail}. Выберите для точки обмена другой `session`.",
    ),
    "E845": Text(
        "1c-developer",
        "1C made {ref} and did not keep its mark, so that it could not be found again; syncd marked it for deletion. See that nothing in 1C clears or shortens the field of the mark, then retry the delivery.",
        "1С создала {ref}, но не сохранила его метку, найти его снова нельзя; syncd пометил его на удаление. Проверьте, что в 1С ничто не очищает и не укорачивает поле метки, и повторите доставку.",
    ),
    "E846": Text(
        "1c-developer",
        "The mapping cannot write order {order}: {detail}. Correct it, then retry the delivery.",
        "Правила не могут записать заказ {order}: {detail}. Исправьте их и повторите доставку.",
    ),
    # E850-E869: mappings at work over OData
    "E850": Text(
        "administrator",
        "There is no mapping {mapping!r} for endpoint {endpoint}. Publish one under this name (`syncd mapping publish`), or choose a preset: `syncd endpoint set {endpoint} --set mapping=ut11` (known: {known}).",
        "Для получателя {endpoint} нет маппинга {mapping!r}. Опубликуйте маппинг под этим именем (`syncd mapping publish`) или выберите заготовку: `syncd endpoint set {endpoint} --set mapping=ut11` (есть: {known}).",
    ),
    "E851": Text(
        "1c-developer",
        "The mapping {mapping!r} of endpoint {endpoint} does not say how orders are written: its section `orders` has no `write`. Add it, or let the endpoint take no orders (`--takes ''`).",
        "Маппинг {mapping!r} получателя {endpoint} не говорит, как писать заказы: в разделе `orders` нет `write`. Добавьте его или не отправляйте туда заказы (`--takes ''`).",
    ),
    "E852": Text(
        "1c-developer",
        "The mapping {mapping!r} has no section `{section}`, so there is nothing to pull. Add the section, or let the endpoint give less: `--set pulls=…`.",
        "В маппинге {mapping!r} нет раздела `{section}`, получать нечего. Добавьте раздел или укажите, что база отдаёт: `--set pulls=…`.",
    ),
    "E853": Text(
        "administrator",
        "An endpoint of kind {kind} knows no pull of changes; that is for `odata` with an exchange plan.",
        "Получатель вида {kind} не умеет отдавать изменения; это умеет `odata` с планом обмена.",
    ),
    "E860": Text(
        "administrator",
        "The file {path} cannot be used by this emulated base: {detail}. Name another file with --state.",
        "Файл {path} не подходит этой эмулируемой базе: {detail}. Укажите другой файл в --state.",
    ),
    # E920-E939: endpoints we call, 1C as an HTTP service, health
    "E920": Text(
        "administrator",
        "A stored secret cannot be opened: it was sealed with another key. Put that key behind the first in SYNCD_SECRET_KEY (or give back home/secret.key), or set the secret again with `syncd endpoint set`.",
        "Сохранённый секрет не открыть: он запечатан другим ключом. Добавьте тот ключ в SYNCD_SECRET_KEY после первого (или верните home/secret.key) либо задайте секрет заново: `syncd endpoint set`.",
    ),
    "E921": Text("administrator", "The key file {file}: {detail}.", "Файл ключей {file}: {detail}."),
    "E922": Text(
        "administrator",
        "Endpoint {name!r} has {count} open messages. Deliver or cancel them first: `syncd outbox list`. --release frees those that were never sent.",
        "У получателя {name!r} незавершённых сообщений: {count}. Сначала доставьте или отмените их: `syncd outbox list`. --release освободит те, что ни разу не отправлялись.",
    ),
    "E923": Text(
        "administrator",
        "The name {host} was not found ({detail}). Nothing was sent. Check the address of the endpoint and the DNS of this host.",
        "Имя {host} не найдено ({detail}). Ничего не отправлено. Проверьте адрес получателя и DNS этого узла.",
    ),
    "E924": Text(
        "administrator",
        "No connection to {host}: {detail}. Nothing was sent; it is tried again by itself. Check that the web server of 1C runs.",
        "Нет соединения с {host}: {detail}. Ничего не отправлено; попытки продолжатся сами. Проверьте, что веб-сервер 1С работает.",
    ),
    "E925": Text(
        "administrator",
        "TLS with {host} failed: {detail}. Nothing was sent. For a certificate of your own give its CA: `syncd endpoint set NAME --ca FILE`.",
        "Не удалось установить TLS с {host}: {detail}. Ничего не отправлено. Для своего сертификата укажите CA: `syncd endpoint set ИМЯ --ca ФАЙЛ`.",
    ),
    "E926": Text(
        "on-call",
        "All connections to {host} are busy; nothing was sent. Raise --concurrency of the endpoint only if 1C can bear it.",
        "Все соединения с {host} заняты; ничего не отправлено. Увеличивайте --concurrency, только если 1С это выдержит.",
    ),
    "E927": Text(
        "on-call",
        "{host}: the request went out and its answer was lost: {detail}. syncd looks the message up before it sends it again.",
        "{host}: запрос ушёл, а ответ потерян: {detail}. Прежде чем отправлять снова, syncd проверит, принято ли сообщение.",
    ),
    "E928": Text(
        "administrator",
        "{host} refused the login (HTTP {status}): {detail}. Nothing was done. Check login, password and rights of the user: `syncd endpoint set NAME --login … --password-from …`.",
        "{host} не принимает логин (HTTP {status}): {detail}. Ничего не сделано. Проверьте логин, пароль и права пользователя: `syncd endpoint set ИМЯ --login … --password-from …`.",
    ),
    "E929": Text(
        "administrator",
        "{host} lets nobody in for now (maintenance): {detail}. Nothing was done; messages wait and go by themselves.",
        "{host} сейчас никого не пускает (регламентные работы): {detail}. Ничего не сделано; сообщения подождут и уйдут сами.",
    ),
    "E930": Text(
        "administrator",
        "{host} is too busy (HTTP {status}): {detail}. Nothing was done; it is tried again after a pause.",
        "{host} перегружен (HTTP {status}): {detail}. Ничего не сделано; повтор после паузы.",
    ),
    "E931": Text(
        "administrator",
        "{host} answers, but not with our service (HTTP {status}): {detail}. Check the address of the endpoint and that the service is published.",
        "{host} отвечает, но это не наш сервис (HTTP {status}): {detail}. Проверьте адрес получателя и публикацию сервиса.",
    ),
    "E932": Text(
        "1c-developer",
        "1C failed inside and did nothing (HTTP {status}): {detail}. The message is tried again a few times.",
        "1С завершилась ошибкой и ничего не сделала (HTTP {status}): {detail}. Сообщение будет повторено несколько раз.",
    ),
    "E933": Text(
        "1c-developer",
        "{host} answered what says nothing about the outcome (HTTP {status}): {detail}. syncd looks the message up before it sends it again.",
        "Ответ {host} не говорит, сделано ли (HTTP {status}): {detail}. Прежде чем отправлять снова, syncd проверит, принято ли сообщение.",
    ),
    "E934": Text(
        "1c-developer",
        "1C refused {key}: {detail}. Mend the cause, then `syncd outbox retry {key} --reason …`.",
        "1С отказала в {key}: {detail}. Устраните причину, затем `syncd outbox retry {key} --reason …`.",
    ),
    "E935": Text(
        "1c-developer",
        "The answer of {host} is not what the contract says (HTTP {status}): {detail}. See docs/http-service.md.",
        "Ответ {host} не соответствует договору (HTTP {status}): {detail}. Смотрите docs/http-service.ru.md.",
    ),
    "E936": Text(
        "administrator",
        "{failures} failures in a row: nothing is sent there for a while, then one message tries.",
        "Сбоев подряд: {failures}; некоторое время туда ничего не отправляется, затем попробует одно сообщение.",
    ),
    "E937": Text("administrator", "{name}: {detail}.", "{name}: {detail}."),
    "E938": Text(
        "administrator",
        "Infobase {name!r} has endpoints: {endpoints}. Remove them first with `syncd endpoint remove`.",
        "У базы {name!r} есть получатели: {endpoints}. Сначала удалите их: `syncd endpoint remove`.",
    ),
    "E939": Text(
        "on-call",
        "{host} gave no answer to a question: {detail}. Nothing was changed there; it is asked again later.",
        "{host} не дал ответа на вопрос: {detail}. Там ничего не изменено; вопрос повторится позже.",
    ),
    # E7xx: mappings; E701-E719 the file, E721-E739 the base, E741-E749 a record
    "E701": Text(
        "1c-developer",
        "{place}: unknown key {key!r}.{hint}",
        "{place}: неизвестный ключ {key!r}.{hint}",
    ),
    "E702": Text("1c-developer", "{place}: {detail}.", "{place}: {detail}."),
    "E703": Text("1c-developer", "{place}: {key}: {detail}.{hint}", "{place}: {key}: {detail}.{hint}"),
    "E704": Text(
        "1c-developer",
        "{place}: syncd has no section {key!r}.{hint}",
        "{place}: в syncd нет раздела {key!r}.{hint}",
    ),
    "E705": Text(
        "1c-developer",
        "{place}: {entity} has no field {key!r}.{hint} A value without a field goes under extra.",
        "{place}: у {entity} нет поля {key!r}.{hint} Значение, для которого нет поля, пишите в extra.",
    ),
    "E706": Text(
        "1c-developer",
        "{place}: there is no preset {key!r}.{hint} List them with `syncd mapping init --help`.",
        "{place}: нет заготовки {key!r}.{hint} Список покажет `syncd mapping init --help`.",
    ),
    "E707": Text(
        "1c-developer",
        "{place}: extends runs in a circle: {chain}. Take one of them out.",
        "{place}: extends замкнулся в круг: {chain}. Уберите один из них.",
    ),
    "E708": Text(
        "1c-developer",
        "{place}: {entity} needs {key!r} in fields: a record is known by it.",
        "{place}: в fields раздела {entity} нужен {key!r}: по нему узнаётся запись.",
    ),
    "E709": Text("1c-developer", "{place}: {key}: {detail}.", "{place}: {key}: {detail}."),
    "E710": Text(
        "1c-developer",
        "{place}: the expression {text!r} cannot be read: {detail}.{hint}",
        "{place}: выражение {text!r} не разобрать: {detail}.{hint}",
    ),
    "E711": Text(
        "1c-developer",
        "{place}: there is no dictionary {key!r}.{hint} Add it under dictionaries, or write the words here: {{word: value}}.",
        "{place}: нет словаря {key!r}.{hint} Добавьте его в dictionaries или напишите слова здесь: {{слово: значение}}.",
    ),
    "E721": Text(
        "1c-developer",
        "{place}: the base publishes no {key!r}.{hint} If it exists in 1C, add it to the standard OData interface there.",
        "{place}: база не публикует {key!r}.{hint} Если объект в 1С есть, включите его в состав стандартного интерфейса OData.",
    ),
    "E722": Text(
        "1c-developer",
        "{place}: {of} has no property {key!r}.{hint}",
        "{place}: у {of} нет реквизита {key!r}.{hint}",
    ),
    "E723": Text(
        "1c-developer",
        "{place}: {key} is {found}, the field {field} needs {wanted}.{hint}",
        "{place}: {key} имеет тип {found}, полю {field} нужен {wanted}.{hint}",
    ),
    "E724": Text(
        "1c-developer",
        "{place}: {of} has no tabular section {key!r}.{hint}",
        "{place}: у {of} нет табличной части {key!r}.{hint}",
    ),
    "E725": Text(
        "1c-developer",
        "{place}: {key!r} is no reference of {of}, nothing stands behind it.{hint}",
        "{place}: {key!r} у {of} — не ссылка, за ней ничего нет.{hint}",
    ),
    "E726": Text(
        "1c-developer",
        "{place}: {of} has no virtual table {key!r}.{hint}",
        "{place}: у {of} нет виртуальной таблицы {key!r}.{hint}",
    ),
    "E727": Text(
        "1c-developer",
        "{place}: {of} takes no parameter {key!r}.{hint}",
        "{place}: {of} не принимает параметр {key!r}.{hint}",
    ),
    "E728": Text(
        "1c-developer",
        "{place}: the filter {text!r} cannot be read: {detail}.{hint}",
        "{place}: отбор {text!r} не разобрать: {detail}.{hint}",
    ),
    "E729": Text(
        "1c-developer",
        "{place}: {key} is a reference of several types; plain comparison finds nothing and says nothing. Write {key} eq cast(guid'…', 'Document_…').",
        "{place}: {key} — ссылка составного типа; простое сравнение молча ничего не найдёт. Пишите {key} eq cast(guid'…', 'Document_…').",
    ),
    "E730": Text(
        "1c-developer", "{place}: the marker {key!r}: {detail}.{hint}", "{place}: метка {key!r}: {detail}.{hint}"
    ),
    "E731": Text(
        "1c-developer",
        "{place}: the base publishes no exchange plan {key!r}.{hint}",
        "{place}: база не публикует план обмена {key!r}.{hint}",
    ),
    "E732": Text(
        "1c-developer",
        "This is no $metadata of a base: {detail}. Take it from …/odata/standard.odata/$metadata.",
        "Это не $metadata базы: {detail}. Возьмите его по адресу …/odata/standard.odata/$metadata.",
    ),
    "E733": Text(
        "1c-developer",
        "{place}: {key!r} cannot be written: {detail}.",
        "{place}: {key!r} нельзя записать: {detail}.",
    ),
    "E741": Text(
        "1c-developer",
        "{path}: the record has no {key!r}.{hint}",
        "{path}: в записи нет {key!r}.{hint}",
    ),
    "E742": Text(
        "1c-developer",
        "{path}: {value!r} from {source} is not {wanted} ({place}).",
        "{path}: {value!r} из {source} — не {wanted} ({place}).",
    ),
    "E743": Text(
        "1c-developer",
        "{path}: the word {value!r} from {source} is not in the dictionary ({place}).{hint} Add it, or say unlisted: keep.",
        "{path}: слова {value!r} из {source} нет в словаре ({place}).{hint} Добавьте его или укажите unlisted: keep.",
    ),
    "E744": Text(
        "1c-developer",
        "{path}: the expression {text!r} failed: {detail} ({place}).",
        "{path}: выражение {text!r} не вычислилось: {detail} ({place}).",
    ),
    "E745": Text(
        "1c-developer",
        "{path}: {via} has no record {value!r} ({place}). Check that the user of the exchange may read it.",
        "{path}: в {via} нет записи {value!r} ({place}). Проверьте, что пользователю обмена она доступна.",
    ),
    "E746": Text(
        "1c-developer",
        "{path}: the key is empty, the record cannot be told from others ({place}). Leave such records out with where or when.",
        "{path}: ключ пуст, запись не отличить от других ({place}). Исключите такие записи через where или when.",
    ),
    "E747": Text(
        "1c-developer",
        "{failed} of {total} cases differ. Mend the mapping, or the cases if the new result is meant.",
        "Не сошлось случаев: {failed} из {total}. Исправьте маппинг или случаи, если новый результат задуман.",
    ),
    "E748": Text(
        "1c-developer",
        "Nothing is published under {name!r}{version}. `syncd mapping history` tells what is.",
        "Под именем {name!r}{version} ничего не опубликовано. Что опубликовано, покажет `syncd mapping history`.",
    ),
    "E749": Text(
        "1c-developer",
        "The mapping has {count} mistakes; nothing was published.",
        "В маппинге ошибок: {count}; ничего не опубликовано.",
    ),
    # E750-E769: mappings held against bases
    "E750": Text(
        "1c-developer",
        "The mapping {mapping} ({version}) does not fit the base {base} any more: {count} mistakes, told one by one below. `syncd metadata diff {base}@… {base}` tells what changed in 1C; mend the mapping and publish it.",
        "Маппинг {mapping} ({version}) больше не подходит базе {base}: ошибок {count}, они перечислены ниже. Что изменилось в 1С, покажет `syncd metadata diff {base}@… {base}`; исправьте маппинг и опубликуйте его.",
    ),
    "E751": Text(
        "1c-developer",
        "Endpoint {name!r} is of kind {kind}; only a base over OData (kind odata) publishes metadata.",
        "Получатель {name!r} — вида {kind}; метаданные публикует только база OData (вид odata).",
    ),
    "E752": Text(
        "1c-developer",
        "The base gave no record of {section}: {detail}.",
        "База не дала ни одной записи {section}: {detail}.",
    ),
    # E940-E959: webhooks, e-mail, Telegram, events, issues
    "E940": Text(
        "administrator",
        "{host} leads to {address}, which is no address of the open internet: nothing was sent. If it is yours, set allow_private for this endpoint: `syncd webhook add … --allow-private`.",
        "{host} ведёт на {address}, это не адрес открытого интернета: ничего не отправлено. Если он ваш, включите allow_private у получателя: `syncd webhook add … --allow-private`.",
    ),
    "E941": Text(
        "storefront",
        "The webhook at {host} answered HTTP {status} instead of 2xx: {answer}. syncd repeats it for a day and a half; mend the receiver.",
        "Вебхук {host} ответил HTTP {status} вместо 2xx: {answer}. syncd повторяет полтора дня; исправьте приёмник.",
    ),
    "E942": Text(
        "storefront",
        "The webhook at {host} answered 410: it is gone for good. The endpoint is disabled; `syncd webhook add` makes another.",
        "Вебхук {host} ответил 410: адреса больше нет. Получатель отключён; новый создаёт `syncd webhook add`.",
    ),
    "E943": Text(
        "administrator",
        "The webhook at {host} redirects (HTTP {status}) to {location}; redirects are not followed. Give the endpoint its final address.",
        "Вебхук {host} перенаправляет (HTTP {status}) на {location}; по перенаправлениям syncd не ходит. Укажите конечный адрес.",
    ),
    "E944": Text(
        "administrator",
        "{host} cannot be reached: {detail}. Nothing was sent; syncd keeps trying.",
        "{host} недоступен: {detail}. Ничего не отправлено; syncd повторяет сам.",
    ),
    "E945": Text(
        "storefront",
        "{host} did not answer to the end: {detail}. The message is sent again with the same id; answer 2xx first and work afterwards.",
        "{host} не ответил до конца: {detail}. Сообщение уйдёт снова с тем же id; сначала отвечайте 2xx, потом обрабатывайте.",
    ),
    "E946": Text(
        "storefront",
        "{host} asks to wait (HTTP {status}). syncd keeps trying, nothing is lost.",
        "{host} просит подождать (HTTP {status}). syncd повторяет сам, ничего не потеряно.",
    ),
    "E947": Text(
        "administrator",
        "The mail server {host} refused the message: {detail}. Check the addresses of sender and recipients.",
        "Почтовый сервер {host} не принял письмо: {detail}. Проверьте адреса отправителя и получателей.",
    ),
    "E948": Text(
        "administrator",
        "The mail server {host} does not take the login: {detail}. Check login and password of the endpoint.",
        "Почтовый сервер {host} не принимает имя и пароль: {detail}. Проверьте их у получателя.",
    ),
    "E949": Text(
        "administrator",
        "The mail server {host} could not take the message now: {detail}. syncd keeps trying.",
        "Почтовый сервер {host} сейчас не принял письмо: {detail}. syncd повторяет сам.",
    ),
    "E950": Text(
        "administrator",
        "Telegram refused the message (HTTP {status}): {detail}. Check the chat and that the bot is a member of it.",
        "Telegram не принял сообщение (HTTP {status}): {detail}. Проверьте чат и что бот в нём состоит.",
    ),
    "E951": Text(
        "administrator",
        "Telegram does not know the bot (HTTP {status}). Check the token of the endpoint with @BotFather.",
        "Telegram не знает такого бота (HTTP {status}). Проверьте токен получателя у @BotFather.",
    ),
    "E952": Text("administrator", "Endpoint: {key} {detail}.", "Получатель: {key} {detail}."),
    "E953": Text(
        "storefront",
        "The signature does not fit: {detail}. Check the secret, and that the body is the bytes as they came.",
        "Подпись не подходит: {detail}. Проверьте секрет и что тело — байты, как они пришли.",
    ),
    "E954": Text(
        "administrator",
        "{what} {name!r} was not found. Those there are: {known}.",
        "{what} {name!r}: не найдено. Есть: {known}.",
    ),
    # E960-E979: schedules, pulls, filters, batches
    "E960": Text(
        "on-call",
        "The filter is wrong at position {position}: {detail}.",
        "Ошибка в фильтре, позиция {position}: {detail}.",
    ),
    "E961": Text(
        "1c-developer",
        "{asked} answered with something else than the data of the contract: {detail}. Nothing of it was taken, nothing was removed.",
        "{asked}: в ответе не данные по договорённости: {detail}. Из него ничего не взято и ничего не удалено.",
    ),
    "E962": Text(
        "administrator",
        "{asked} cannot be reached: {detail}. syncd tries again by itself.",
        "{asked}: нет связи: {detail}. syncd повторит сам.",
    ),
    "E963": Text(
        "1c-developer",
        "{asked}: 1C failed inside with status {status}: {detail}. syncd tries again by itself; look into 1C's event log.",
        "{asked}: ошибка внутри 1С, код {status}: {detail}. syncd повторит сам; смотрите журнал регистрации 1С.",
    ),
    "E964": Text(
        "1c-developer",
        "{asked}: 1C refused with status {status}: {detail}. Check the publication and the rights of the user.",
        "{asked}: 1С отказала, код {status}: {detail}. Проверьте публикацию и права пользователя.",
    ),
    "E965": Text(
        "administrator",
        "{schedule}: no enabled endpoint can pull {pull}. Check `syncd endpoint list`.",
        "{schedule}: нет включённой конечной точки, которая отдаёт {pull}. Проверьте `syncd endpoint list`.",
    ),
    "E966": Text(
        "1c-developer",
        "{entity} {key}: field {path}: {detail}. The record was left out, the others were taken.",
        "{entity} {key}: поле {path}: {detail}. Запись пропущена, остальные приняты.",
    ),
    "E967": Text(
        "on-call",
        "The full set of {entity} leaves out {absent} of {total}: nothing was removed. If it is right, run `syncd schedule run {schedule} --remove`.",
        "В полном наборе {entity} нет {absent} из {total}: ничего не удалено. Если так и надо, запустите `syncd schedule run {schedule} --remove`.",
    ),
    "E968": Text(
        "on-call",
        "{schedule} is late: it has been due for {late}. Last good run: {last}. Why: {reason}.",
        "{schedule} опаздывает: просрочка {late}. Последний удачный запуск: {last}. Почему: {reason}.",
    ),
    "E969": Text(
        "syncd",
        "The pull failed inside syncd: {error}. It runs again at its next time; tell the developers of syncd.",
        "Внутренняя ошибка при получении данных: {error}. Запуск повторится в своё время; сообщите разработчикам syncd.",
    ),
    "E970": Text(
        "syncd",
        "The run was begun {times} times and its worker died each time. It is set aside; the next one runs at its time.",
        "Запуск начинали {times} раз, и каждый раз процесс падал. Он отложен; следующий будет в своё время.",
    ),
    "E971": Text(
        "on-call",
        "Batch {id} is {state}: it cannot be told to {action}.",
        "Пакет действий {id} в состоянии {state}: действие {action} невозможно.",
    ),
    "E972": Text(
        "administrator",
        "{what} said nothing for {seconds} s. The pull was given up and runs again.",
        "{what}: нет ответа {seconds} с. Запуск прерван и будет повторён.",
    ),
    "E973": Text(
        "on-call",
        "{schedule} is no schedule for which there is an endpoint now. `syncd schedule list` shows those there are.",
        "{schedule}: такого расписания или его конечной точки сейчас нет. Какие есть, покажет `syncd schedule list`.",
    ),
    "E974": Text(
        "on-call",
        "{number} is {state}: there is nothing to {action}.",
        "{number} в состоянии {state}: действие {action} невозможно.",
    ),
    "E975": Text(
        "1c-developer",
        "{entity}: 1C could not give this set, the others of {schedule} were read: {reason} Nothing of {entity} was changed or removed. Mend what is named and run `syncd schedule run {schedule}`; what this base can never give is left out by `off: true` in the mapping.",
        "{entity}: этот набор 1С отдать не смогла, остальные наборы {schedule} прочитаны: {reason} В {entity} ничего не изменено и не удалено. Исправьте названное и выполните `syncd schedule run {schedule}`; чего база не отдаст никогда, исключает `off: true` в маппинге.",
    ),
    "E976": Text(
        "1c-developer",
        "{entity}: the set lacks records that are stored here, and 1C could not be asked whether it still has them: {reason} What came was applied, nothing was removed. Mend what is named; the next `syncd schedule run {schedule}` asks again.",
        "{entity}: в наборе нет записей, которые есть здесь, а спросить 1С, есть ли они у неё, не удалось: {reason} Полученное применено, ничего не удалено. Исправьте названное; следующий `syncd schedule run {schedule}` спросит снова.",
    ),
    "E977": Text(
        "1c-developer",
        "1C refuses the filter `{filter}` of {set} ({reason}). The set is read without it and filtered by syncd: nothing is lost, but it takes longer. Write the filter otherwise (`syncd mapping check`), or let this base compute it; this is told once.",
        "1С отвергает отбор `{filter}` для {set} ({reason}). Набор читается без него, отбирает сам syncd: ничего не теряется, но идёт это дольше. Запишите отбор иначе (`syncd mapping check`) или добейтесь, чтобы база его вычисляла; это сообщение разовое.",
    ),
    "E978": Text(
        "1c-developer",
        "{entity}: 1C could not give what changed in this set: {reason} The other changes were applied; 1C was not told that they came, so that all of them come again. Mend what is named; what this base can never give is left out by `off: true` in the mapping.",
        "{entity}: 1С не смогла отдать изменившееся в этом наборе: {reason} Остальные изменения применены; 1С не получила подтверждения, поэтому все они придут снова. Исправьте названное; чего база не отдаст никогда, исключает `off: true` в маппинге.",
    ),
    # E981-E999: web services, sites we push to
    "E981": Text(
        "administrator",
        "Endpoint {endpoint!r}, setting {key}: {detail}. See docs/soap.md.",
        "Получатель {endpoint!r}, настройка {key}: {detail}. Смотрите docs/soap.ru.md.",
    ),
    "E982": Text(
        "administrator",
        "Endpoint {endpoint!r}: its service cannot be asked for an order (look_up) and does not take one once (idempotent), so that a lost answer could double an order. Name an operation for look_up.",
        "Получатель {endpoint!r}: сервис нельзя спросить о заказе (look_up), и повтор он примет как новый (idempotent), поэтому потерянный ответ может задвоить заказ. Укажите операцию look_up.",
    ),
    "E983": Text(
        "1c-developer",
        "The web service of {host} does not answer as agreed: {detail}. Nothing was done; messages wait. See docs/soap.md.",
        "Веб-сервис {host} отвечает не так, как условлено: {detail}. Ничего не сделано; сообщения подождут. Смотрите docs/soap.ru.md.",
    ),
    "E984": Text(
        "1c-developer",
        "Message {key} cannot be written for the web service: {detail}. Mend the settings of the endpoint or the order, then `syncd outbox retry {key} --reason …`.",
        "Сообщение {key} не записать для веб-сервиса: {detail}. Исправьте настройки получателя или заказ, затем `syncd outbox retry {key} --reason …`.",
    ),
    "E985": Text(
        "administrator",
        "The site {host} refused our login: {detail}. Nothing was sent. `syncd endpoint set NAME --login … --password-from …`.",
        "Сайт {host} не принял наш логин: {detail}. Ничего не отправлено. `syncd endpoint set ИМЯ --login … --password-from …`.",
    ),
    "E986": Text(
        "storefront",
        "The site {host} answered failure to {asked}: {detail}. The same package is sent again a few times.",
        "Сайт {host} ответил failure на {asked}: {detail}. Тот же пакет будет отправлен ещё несколько раз.",
    ),
    "E987": Text(
        "storefront",
        "The answer of the site {host} to {asked} is none of the exchange (HTTP {status}): {detail}. Check the address, and what the site writes into its answers.",
        "Ответ сайта {host} на {asked} — не ответ обмена (HTTP {status}): {detail}. Проверьте адрес и то, что сайт пишет в ответы.",
    ),
    "E988": Text(
        "storefront",
        "The site {host} has been importing {name} for more than {seconds} s. It is sent again later; for a slow site raise --timeout of the endpoint.",
        "Сайт {host} импортирует {name} дольше {seconds} с. Позже отправим снова; для медленного сайта увеличьте --timeout получателя.",
    ),
    "E989": Text(
        "storefront",
        "The site {host} does not answer {asked} as an exchange does (HTTP {status}): {detail}. It is tried again by itself.",
        "Сайт {host} отвечает на {asked} не как обмен (HTTP {status}): {detail}. Попытки продолжатся сами.",
    ),
    "E990": Text(
        "administrator",
        "Endpoint {endpoint!r} has no setting {key!r}. A site has: login, ca, merge, namespace, storefront, price_types, images.",
        "У получателя {endpoint!r} нет настройки {key!r}. У сайта есть: login, ca, merge, namespace, storefront, price_types, images.",
    ),
    "E991": Text(
        "storefront",
        "Order {number} of the site {site} cannot be taken: {detail}. The site offers its orders again until this one is mended there.",
        "Заказ {number} сайта {site} не принять: {detail}. Сайт будет предлагать заказы снова, пока этот не исправят на нём.",
    ),
    "E992": Text(
        "administrator",
        "Endpoint {endpoint!r} is no site: make one with `syncd endpoint add NAME --kind cms --address …/1c_exchange`.",
        "Получатель {endpoint!r} — не сайт: заведите его `syncd endpoint add ИМЯ --kind cms --address …/1c_exchange`.",
    ),
    # E9xx: delivery
    "E901": Text(
        "on-call",
        "The worker that was delivering this message died. Another took it over; what had reached the target is looked up first.",
        "Процесс, доставлявший это сообщение, погиб. Его подхватил другой; сначала проверяется, что уже дошло до получателя.",
    ),
    "E902": Text(
        "on-call",
        "The message was sent and the answer was lost ({detail}). Whether it was done is looked up before anything is sent again.",
        "Сообщение отправлено, но ответ потерян ({detail}). Прежде чем отправлять снова, syncd проверит, выполнено ли оно.",
    ),
    "E903": Text(
        "administrator",
        "Endpoint {endpoint!r} has the kind {kind!r}, which this version of syncd cannot serve. Update all workers to one version.",
        "У получателя {endpoint!r} вид {kind!r}, который эта версия syncd не обслуживает. Обновите все процессы до одной версии.",
    ),
    "E904": Text(
        "on-call",
        "Given up after {attempts} attempts; the last failed with {cause}: {detail}. Find the cause, then `syncd outbox retry`.",
        "После попыток: {attempts} — остановлено; последняя ошибка {cause}: {detail}. Устраните причину и повторите: `syncd outbox retry`.",
    ),
    "E905": Text(
        "on-call",
        "What message {key!r} is about is not stored any more; there is nothing to send. `syncd outbox cancel` closes it.",
        "Объекта сообщения {key!r} больше нет; отправлять нечего. Закройте его: `syncd outbox cancel`.",
    ),
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

    def without_frames(self) -> Self:
        """This error, to be kept: what it was raised in and of would live as long as it, with a whole document."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)

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
